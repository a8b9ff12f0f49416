package spool

import (
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// What tests see of the inside.
var (
	Encode = encode
	Decode = decode
	Count  = count
	Judge  = judge
)

// HeaderSize is where the spans begin in a file.
const HeaderSize = headerSize

// What an upload can come to, for Judge.
const (
	Taken   = taken
	Refused = refused
	Failed  = failed
)

// Kill ends the client as kill -9 would, as far as that can be done from inside: nothing more is sent or written, and the
// lock is free. It returns how many spans waited in memory and are lost uncounted.
func (c *Client) Kill() (lost int64) {
	c.mu.Lock()
	abandon := c.abandon
	c.abandon = nil
	c.mu.Unlock()
	abandon()
	c.sender.Wait()
	c.writing.Lock()
	defer c.writing.Unlock()
	c.stopped = true
	c.locked(func(q *queue) {
		for _, h := range q.held {
			lost += h.spans
		}
	})
	close(c.ended)
	_ = c.directory.close()
	return lost
}

// Sequence returns the number of the last batch.
func (c *Client) Sequence() uint64 {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.sequence
}

// LimitMemory sets how many bytes may wait in memory.
func (c *Client) LimitMemory(bytes int64) { c.memory = bytes }

// Held returns how many bytes wait in memory.
func (c *Client) Held() (n int64) {
	c.locked(func(q *queue) { n = q.inUse })
	return n
}

// Seal gives a file a header that is right, as far as its spans can be counted.
func Seal(file []byte) []byte {
	file = append(file, make([]byte, max(0, headerSize-len(file)))...)
	var message tracepb.TracesData
	spans := 0
	if proto.Unmarshal(file[headerSize:], &message) == nil {
		spans = count(message.GetResourceSpans())
	}
	seal(file, uint32(spans))
	return file
}
