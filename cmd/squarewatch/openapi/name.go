package openapi

import (
	"fmt"
	"strings"
	"unicode"
)

// maxName is the length of the longest name of a probe.
const maxName = 63

// names makes unique names.
type names map[string]bool

// unique returns the first of name, name-2, name-3, … that is not taken, and takes it.
func (n names) unique(text string) string {
	name := slug(text)
	for i := 2; n[name]; i++ {
		suffix := fmt.Sprintf("-%d", i)
		base := slug(text)
		name = strings.TrimRight(base[:min(len(base), maxName-len(suffix))], "-") + suffix
	}
	n[name] = true
	return name
}

// slug makes a valid name of any text: lower-case letters, digits and dashes. listAllPets becomes list-all-pets.
func slug(text string) string {
	name := strings.Join(words(text), "-")
	name = strings.Trim(name[:min(len(name), maxName)], "-")
	if name == "" {
		return "operation"
	}
	return name
}

// words splits a text into its words of ASCII letters and digits, in lower case.
func words(text string) []string {
	var all []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			all = append(all, strings.ToLower(word.String()))
			word.Reset()
		}
	}
	letters := []rune(text)
	for i, r := range letters {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			continue
		}
		if beginsWord(letters, i) {
			end()
		}
		word.WriteRune(r)
	}
	end()
	return all
}

// beginsWord reports whether the letter i begins a new word. It does if it is a capital letter after a small letter or a digit, as in
// listPets, or the last of several capital letters before a small one, as in HTTPError.
func beginsWord(letters []rune, i int) bool {
	if i == 0 || !unicode.IsUpper(letters[i]) {
		return false
	}
	afterSmall := unicode.IsLower(letters[i-1]) || unicode.IsDigit(letters[i-1])
	beforeSmall := unicode.IsUpper(letters[i-1]) && i+1 < len(letters) && unicode.IsLower(letters[i+1])
	return afterSmall || beforeSmall
}
