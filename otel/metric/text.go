package metric

import "strings"

// ValidUTF8 replaces bytes that are not UTF-8. Protobuf refuses a whole batch for one invalid text, such as a URL that an API response
// redirects to.
func ValidUTF8(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
