// Package docs holds the pages of the documentation that the program itself shows.
package docs

import _ "embed"

//go:embed on-call.md
var onCall string

// OnCall returns the Markdown of docs/on-call.md: what to do with a message.
func OnCall() string { return onCall }
