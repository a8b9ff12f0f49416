package spool

import (
	"errors"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Functions that the tests call directly.
var (
	Encode = encode
	Decode = decode
)

// HeaderSize is where the spans begin in a file.
const HeaderSize = headerSize

// Kill ends the client as kill -9 would, as far as a test can do that: nothing more is sent or written, and the lock is released. It
// returns how many spans were in memory, which are lost without being counted.
func (c *Client) Kill() (lost int64) {
	c.mu.Lock()
	abandon := c.abandon
	c.abandon = nil
	c.mu.Unlock()
	abandon()
	c.sender.Wait()
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.stopped = true
	c.withQueue(func(q *queue) {
		for _, b := range q.inMemory {
			lost += b.spans
		}
	})
	close(c.ended)
	_ = c.disk.close()
	return lost
}

// Sequence returns the sequence of the newest batch.
func (c *Client) Sequence() uint64 {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.sequence
}

// LimitMemory sets how many bytes may wait in memory.
func (c *Client) LimitMemory(bytes int64) { c.memoryLimit = bytes }

// MemoryBytes returns how many bytes wait in memory.
func (c *Client) MemoryBytes() (n int64) {
	c.withQueue(func(q *queue) { n = q.memoryBytes })
	return n
}

// Seal gives a file a correct header, with the number of spans if they can be decoded.
func Seal(file []byte) []byte {
	file = append(file, make([]byte, max(0, headerSize-len(file)))...)
	var message tracepb.TracesData
	spans := 0
	if proto.Unmarshal(file[headerSize:], &message) == nil {
		for _, resource := range message.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				spans += len(scope.GetSpans())
			}
		}
	}
	seal(file, uint32(spans))
	return file
}

// OpenAgain opens a directory, opens it again while its files cannot be listed, and once more when they can.
func OpenAgain(path string) (unlisted, again error) {
	d := newDisk(path)
	if _, err := d.open(); err != nil {
		return err, err
	}
	_ = d.directory.root.Close()
	_, unlisted = d.open()
	_, again = d.open()
	return unlisted, errors.Join(again, d.close())
}
