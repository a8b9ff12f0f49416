package otel

import "strings"

// valid returns a text as protobuf takes it. One that is no UTF-8, such as an address that an answer leads to, would cost the
// whole batch that it is in.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
