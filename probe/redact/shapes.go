package redact

import (
	"regexp"
	"slices"
	"strings"
)

// masked replaces a secret, a token or a mail address.
const masked = "***"

// secretNames matches the names that people give to secrets.
const secretNames = `(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[_ -]?key|access[_-]?key|private[_-]?key|` +
	`session[_-]?id|signature)` +
	`(?:[_-]?(?:key|value))?\d*`

// fieldNames also matches short names, which mean a secret only where a value is assigned to them.
const fieldNames = `(?:` + secretNames + `|(?:\b|_)(?:pass|auth|jwt|sig))`

// introductions matches words that announce a secret, also URL-encoded: Bearer x, token: x, token%3Ax.
const introductions = `(?:bearer|basic|digest|` + secretNames + `)(?::\s*|%(?:25)*3a|(?:\s|%(?:25)*20|\+)+)(?:%(?:25)*20|\+)*`

// Quotes as they appear in JSON inside a text, in HTML and in URLs, quoted text, and white space.
const (
	quote  = `(?:\\*["']|&quot;|&#(?:34|39|x27);|%(?:25)*2[27])`
	quoted = `(?:\\+"[^"\\]*(?:\\+")?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|` +
		`&quot;.*?(?:&quot;|$)|&#(?:34|39|x27);.*?(?:&#(?:34|39|x27);|$)|%(?:25)*2[27].*?(?:%(?:25)*2[27]|$))`
	blanks = `(?:\s|%(?:25)*20|\+)*`
)

var (
	// urlLogin matches the user and the password in a URL.
	urlLogin = regexp.MustCompile(`://[^\s/:@]*:[^\s/]+@`)

	// assigned matches a secret after its name, as in a form, a shell, JSON, Python or XML: password=x, "password": "x",
	// 'password': ['x'], <password>x. A colon without a quote is not an assignment, because sentences use it: password: too short.
	assigned = regexp.MustCompile(`(?i)(?:` +
		`(` + fieldNames + `(?:` + quote + blanks + `(?::|=>?|%(?:25)*3a)|` + blanks + `(?:=>?|%(?:25)*3d))` + blanks + `)` +
		`(?:\[[bu]?'(?:[^'\\]|\\.)*'?|(?:` + introductions + `)*(?:[bu]?` + quoted + `|[^\s"'&;<>{}\[\]\\]*[^\s,"'&;<>{}\[\]\\]))` +
		`|(` + fieldNames + `\s*:\s*)` + quoted +
		`|(<` + fieldNames + `>)[^<]+` +
		`|(\bcookie:\s*)(?:[^\s=;]+=[^\s;]*;?\s*)+)`)

	// listed matches the first item of a JSON list after such a name: a secret, or a message such as "password": ["Too short."].
	listed = regexp.MustCompile(`(?i)(` + fieldNames + `"\s*:\s*\[\s*)"((?:[^"\\]|\\.)*)"?`)

	// introduced matches the word after an introduction; [isWord] decides whether it is a secret.
	introduced = regexp.MustCompile(`(?i)(?:\b` + introductions + `)+(\S+)`)

	// shaped matches text with the form of a token or a mail address.
	shaped = regexp.MustCompile(`(?i)` +
		`eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?` + // JSON Web Token
		`|\baisq[_-][\w-]+` + // opaque tokens of the AISquare API
		`|\b(?:xox[a-z]|xapp|sk|rk|whsec|gh[a-z]|github_pat|glpat)[_-][\w-]{8,}|\bAKIA[0-9A-Z]{16}\b` + // tokens of other services
		`|hooks\.slack\.com/[\w/-]+` +
		`|[\p{L}\p{M}\p{N}_.%+'-]+(?:[@＠﹫]|%(?:25)*40|&#0*64;|&#x0*40;|&commat;|\\u0040)` + // mail address
		`[\p{L}\p{M}\p{N}-]+(?:[.．。｡][\p{L}\p{M}\p{N}-]+)+` +
		`|\b[0-9a-f]{32,}\b`)

	// long matches a run of characters that is a token without a prefix, or a path; [isPath] decides.
	long = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
)

// maskShapes masks everything that looks like a token, a password or a mail address.
func maskShapes(text string) string {
	text = urlLogin.ReplaceAllLiteralString(text, "://"+masked+"@")
	text = assigned.ReplaceAllString(text, "${1}${2}${3}${4}"+masked)
	text = listed.ReplaceAllStringFunc(text, func(found string) string {
		parts := listed.FindStringSubmatch(found)
		if isSentence(parts[2]) {
			return found
		}
		return parts[1] + masked
	})
	text = introduced.ReplaceAllStringFunc(text, func(found string) string {
		value := introduced.FindStringSubmatch(found)[1]
		if isWord(value) {
			return found
		}
		return strings.TrimSuffix(found, value) + masked
	})
	text = shaped.ReplaceAllLiteralString(text, masked)
	return long.ReplaceAllStringFunc(text, func(found string) string {
		if isPath(found) {
			return found
		}
		return masked
	})
}

// word matches an ordinary word; see [isWord].
var word = regexp.MustCompile(`^(?:\p{Lu}?[\p{Ll}\p{Lo}\p{M}]{0,20}(?:['’_/-][\p{Ll}\p{Lo}\p{M}]{1,20})*|` +
	`\p{Lu}{1,20}(?:[_-]\p{Lu}{1,20})*|(?:\p{Lu}\p{Ll}{1,20}){2,4})$`)

// isWord reports whether a text is an ordinary word and not a token. A word has only letters, all of one case after the first.
// A token has digits or mixed case. A text of less than six bytes is too short for a token.
func isWord(text string) bool {
	const shortest = 6
	text = strings.Trim(text, `"'.,:;!?()[]{}<>*`)
	return len(text) < shortest || word.MatchString(text)
}

// isSentence reports whether a text consists of several ordinary words.
func isSentence(text string) bool {
	words := strings.Fields(text)
	return len(words) > 1 && !slices.ContainsFunc(words, func(word string) bool { return !isWord(word) })
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)

// isPath reports whether a long run of characters is a path or a name made of words, and not a token. It has only lower-case
// letters, and a long segment between two slashes has no digits unless it is a UUID.
func isPath(text string) bool {
	const tokenLength = 32
	for segment := range strings.SplitSeq(text, "/") {
		if strings.ContainsAny(segment, "ABCDEFGHIJKLMNOPQRSTUVWXYZ+=") ||
			len(segment) >= tokenLength && strings.ContainsAny(segment, "0123456789") && !uuid.MatchString(segment) {
			return false
		}
	}
	return true
}
