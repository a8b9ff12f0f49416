package probe

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// TestALostQueryIsSentAgain has a DNS server that does not get the first datagram.
func TestALostQueryIsSentAgain(t *testing.T) {
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		buffer := make([]byte, 512)
		for seen := 0; ; seen++ {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			if seen > 0 {
				_, _ = server.WriteTo(buffer[:n], from)
			}
		}
	}()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	udp, _ := conn.(*net.UDPConn)
	query := &queryConn{UDPConn: udp, after: 10 * time.Millisecond}
	if err := query.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := query.Write([]byte("who is there?")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 512)
	if n, err := query.Read(answer); err != nil || string(answer[:n]) != "who is there?" {
		t.Errorf("want the answer to the second query, got %q and %v", answer[:n], err)
	}
	if err := query.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := query.Read(answer); err == nil {
		t.Error("want an error after the deadline")
	}
}

// TestAServerThatDoesNotAnswerLeavesTimeForTheNext has a deadline far away, as package net sets it for each of the system's servers.
func TestAServerThatDoesNotAnswerLeavesTimeForTheNext(t *testing.T) {
	server, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	udp, _ := conn.(*net.UDPConn)
	query := &queryConn{UDPConn: udp, after: 10 * time.Millisecond, limit: 30 * time.Millisecond}
	if err := query.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := query.Read(make([]byte, 512)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("want the wait ended by the limit, got %v", err)
	}
}
