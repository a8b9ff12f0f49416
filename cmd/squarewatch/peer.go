package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// peerKey is the context key of the name of the user at the other end of a connection.
type peerKey struct{}

// withPeer adds the name of the user at the other end to the context of a connection, if the kernel knows it.
func (d *Daemon) withPeer(ctx context.Context, conn net.Conn) context.Context {
	if name := d.options.Peer(conn); name != "" {
		return context.WithValue(ctx, peerKey{}, name)
	}
	return ctx
}

// peerOf returns the name of the user who made a request over the socket; empty for a request over the port.
func peerOf(r *http.Request) string {
	name, _ := r.Context().Value(peerKey{}).(string)
	return name
}

// peerOfSocket returns the name of the user at the other end of a Unix socket, as the kernel knows it; empty for other connections,
// and for users that may not use the socket. Root, the user of this process and members of its group may. See SO_PEERCRED in
// https://man7.org/linux/man-pages/man7/unix.7.html: the values are those of the time of connect(2), and cannot be forged.
func peerOfSocket(conn net.Conn) string {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ""
	}
	var credentials *unix.Ucred
	if failure := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); failure != nil || err != nil {
		return ""
	}
	return admitted(credentials.Uid, credentials.Gid)
}

// unmapped is the number that the kernel shows for users and groups outside of the user namespace of this process:
// /proc/sys/kernel/overflowuid. With PrivateUsers=yes these are all except root and the user and group of the service. The mode of the
// socket alone then decides which of them may connect; the kernel checks it at connect(2).
const unmapped = 65534

// admitted returns the name of a user who may use the socket; empty for any other user.
func admitted(uid, gid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	account, err := user.LookupId(number)
	if err != nil {
		account = &user.User{Username: "user " + number}
	}
	own := strconv.Itoa(os.Getegid())
	groups, _ := account.GroupIds() // none for a user without an account
	switch {
	case uid == 0, int(uid) == os.Geteuid(), int(gid) == os.Getegid():
		return account.Username
	case uid == unmapped && os.Geteuid() != 0 && inUserNamespace():
		return "a member of the group " + own
	}
	if slices.Contains(groups, own) {
		return account.Username
	}
	return ""
}

// inUserNamespace reports whether this process sees only some of the machine's users.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	var inside, outside, length uint64
	if err != nil {
		return false
	}
	if n, err := fmt.Sscan(string(text), &inside, &outside, &length); n != 3 || err != nil {
		return false
	}
	const all = 1<<32 - 1
	return length != all
}

// listenOnSocket opens a Unix socket that only this user and its group may connect to. It replaces one that an earlier process left.
func listenOnSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the socket %s: %w", path, err)
	}
	// Between bind and chmod the mode is that of the umask. Other users cannot enter the directory meanwhile. The kernel also requires
	// write permission on the socket, which no usual umask gives them.
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the socket %s: %w", path, err)
	}
	const groupMayWrite = 0o660
	if err := os.Chmod(path, groupMayWrite); err != nil {
		return nil, errors.Join(fmt.Errorf("close the socket %s to others: %w", path, err), listener.Close())
	}
	return listener, nil
}
