package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"squarewatch/otel/encoded"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// A file is a header and one protobuf TracesData, which has the same encoding as an ExportTraceServiceRequest
// (https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto). The header, in big endian:
//
//	0   magic
//	8   version
//	12  number of spans, so that the spans of a dropped file are counted without decoding it
//	16  length of the protobuf
//	20  CRC-32C of the protobuf
//	24  CRC-32C of the 24 bytes before, so that the number of spans is reliable even when the protobuf is damaged
const (
	magic      = "sqwspool"
	version    = 1
	headerSize = 28
)

// errDamaged is part of every error about a file that can never be read.
var errDamaged = errors.New("damaged")

// header is the decoded header of a file.
type header struct {
	spans    uint32
	length   uint32
	checksum uint32
}

// encode returns the file of a batch.
func encode(request []byte, spans int) ([]byte, error) {
	if len(request) > math.MaxInt32 || spans > math.MaxInt32 {
		return nil, fmt.Errorf("a batch of %d spans and %d bytes is larger than the file format allows", spans, len(request))
	}
	file := append(make([]byte, headerSize, headerSize+len(request)), request...)
	seal(file, uint32(spans))
	return file, nil
}

// seal writes the header of a file.
func seal(file []byte, spans uint32) {
	payload := file[headerSize:]
	copy(file, magic)
	binary.BigEndian.PutUint32(file[8:], version)
	binary.BigEndian.PutUint32(file[12:], spans)
	binary.BigEndian.PutUint32(file[16:], uint32(len(payload)))
	binary.BigEndian.PutUint32(file[20:], checksum(payload))
	binary.BigEndian.PutUint32(file[24:], checksum(file[:24]))
}

// readHeader decodes and checks the header of a file, which may be cut short.
func readHeader(file []byte) (header, error) {
	if len(file) < headerSize {
		return header{}, fmt.Errorf("%w: it ends within its header, after %d bytes", errDamaged, len(file))
	}
	if string(file[:len(magic)]) != magic {
		return header{}, fmt.Errorf("%w: it does not begin with %q", errDamaged, magic)
	}
	if checksum(file[:24]) != binary.BigEndian.Uint32(file[24:]) {
		return header{}, fmt.Errorf("%w: the checksum of its header is wrong", errDamaged)
	}
	if got := binary.BigEndian.Uint32(file[8:]); got != version {
		return header{}, fmt.Errorf("%w: it has version %d, want %d", errDamaged, got, version)
	}
	return header{
		spans:    binary.BigEndian.Uint32(file[12:]),
		length:   binary.BigEndian.Uint32(file[16:]),
		checksum: binary.BigEndian.Uint32(file[20:]),
	}, nil
}

// checkSize returns an error if a file of the given size does not match its header.
func (h header) checkSize(size int64) error {
	if want := headerSize + int64(h.length); size != want {
		return fmt.Errorf("%w: it has %d bytes, want %d", errDamaged, size, want)
	}
	return nil
}

// decode returns the spans of a file, as [encoded.Unread] does. If one bit of the file is wrong, it returns an error and no spans.
func decode(file []byte) ([]*tracepb.ResourceSpans, error) {
	h, err := readHeader(file)
	if err != nil {
		return nil, err
	}
	if err := h.checkSize(int64(len(file))); err != nil {
		return nil, err
	}
	payload := file[headerSize:]
	if checksum(payload) != h.checksum {
		return nil, fmt.Errorf("%w: the checksum of its spans is wrong", errDamaged)
	}
	resourceSpans, err := encoded.Unread(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return resourceSpans, nil
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }
