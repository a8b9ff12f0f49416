package config

import (
	"fmt"
	"slices"
	"strings"
)

// namesShown is the number of names that an error lists.
const namesShown = 10

// Suggest returns advice for an unknown word: the most similar known name, or a list of the known names. It has no full stop.
func Suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "there are none"
	}
	return "there are " + Shortened(slices.Compact(slices.Sorted(slices.Values(known))))
}

// maxSuggestions is the number of faults of one file for which suggest looks up the nearest name. A search among many names is slow.
const maxSuggestions = 2 * maxShown

// suggest is [Suggest] for the first faults of a file. Later faults are not shown, so they need no suggestion.
func (r *reader) suggest(word string, known []string) string {
	if len(r.errors) > maxSuggestions {
		return "correct the faults above first"
	}
	return Suggest(word, known)
}

// Shortened joins names, and counts those beyond the tenth.
func Shortened(names []string) string {
	if more := len(names) - namesShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), more)
	}
	return strings.Join(names, ", ")
}
