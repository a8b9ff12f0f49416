package probe

import (
	"regexp"
	"slices"
	"strings"
)

// masked stands where a secret, a token or a mail address was.
const masked = "***"

// secretNames are what a secret is called by those who write it down.
const secretNames = `(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[_ -]?key|access[_-]?key|private[_-]?key|session[_-]?id|signature)` +
	`(?:[_-]?(?:key|value))?\d*`

// fieldNames are those, and short ones that are a secret only where something is given to them.
const fieldNames = `(?:` + secretNames + `|(?:\b|_)(?:pass|auth|jwt|sig))`

// introductions are words that say what the next one is, which may be written as in a URL: Bearer x, token: x, token%3Ax.
const introductions = `(?:bearer|basic|digest|` + secretNames + `)(?::\s*|%(?:25)*3a|(?:\s|%(?:25)*20|\+)+)(?:%(?:25)*20|\+)*`

// Quotes, as JSON inside a text, HTML and URLs write them, and what may stand between two.
const (
	quote  = `(?:\\*["']|&quot;|&#(?:34|39|x27);|%(?:25)*2[27])`
	quoted = `(?:\\+"[^"\\]*(?:\\+")?|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|&quot;.*?(?:&quot;|$)|&#(?:34|39|x27);.*?(?:&#(?:34|39|x27);|$)|%(?:25)*2[27].*?(?:%(?:25)*2[27]|$))`
	blanks = `(?:\s|%(?:25)*20|\+)*`
)

var (
	// urlLogin is what a URL may hold before its host.
	urlLogin = regexp.MustCompile(`://[^\s/:@]*:[^\s/]+@`)

	// assigned is a secret behind its name, as a form, a shell, JSON, Python or XML writes it: password=x, "password": "x",
	// 'password': ['x'], <password>x. Without a quote a colon is no assignment, since people write so: password: too short.
	assigned = regexp.MustCompile(`(?i)(?:` +
		`(` + fieldNames + `(?:` + quote + blanks + `(?::|=>?|%(?:25)*3a)|` + blanks + `(?:=>?|%(?:25)*3d))` + blanks + `)` +
		`(?:\[[bu]?'(?:[^'\\]|\\.)*'?|(?:` + introductions + `)*(?:[bu]?` + quoted + `|[^\s"'&;<>{}\[\]\\]*[^\s,"'&;<>{}\[\]\\]))` +
		`|(` + fieldNames + `\s*:\s*)` + quoted +
		`|(<` + fieldNames + `>)[^<]+` +
		`|(\bcookie:\s*)(?:[^\s=;]+=[^\s;]*;?\s*)+)`)

	// listed is the first of a JSON list behind such a name: a secret, or what is wrong with it, "password": ["Too short."].
	listed = regexp.MustCompile(`(?i)(` + fieldNames + `"\s*:\s*\[\s*)"((?:[^"\\]|\\.)*)"?`)

	// introduced is a word behind one that says what it is; see [isWord].
	introduced = regexp.MustCompile(`(?i)(?:\b` + introductions + `)+(\S+)`)

	// shaped is what a token or a mail address looks like.
	shaped = regexp.MustCompile(`(?i)` +
		`eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?` + // JSON Web Token
		`|\baisq[_-][\w-]+` + // the API's own opaque tokens
		`|\b(?:xox[a-z]|xapp|sk|rk|whsec|gh[a-z]|github_pat|glpat)[_-][\w-]{8,}|\bAKIA[0-9A-Z]{16}\b` + // those of others
		`|hooks\.slack\.com/[\w/-]+` +
		`|[\p{L}\p{M}\p{N}_.%+'-]+(?:[@＠﹫]|%(?:25)*40|&#0*64;|&#x0*40;|&commat;|\\u0040)[\p{L}\p{M}\p{N}-]+(?:[.．。｡][\p{L}\p{M}\p{N}-]+)+` + // mail address
		`|\b[0-9a-f]{32,}\b`)

	// long is what may be a token without any mark of one, or a path.
	long = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
)

// maskShapes masks what looks like a token, a password or a mail address, whosever it is.
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

var word = regexp.MustCompile(`^(?:\p{Lu}?[\p{Ll}\p{Lo}\p{M}]{0,20}(?:['’_/-][\p{Ll}\p{Lo}\p{M}]{1,20})*|\p{Lu}{1,20}(?:[_-]\p{Lu}{1,20})*|(?:\p{Lu}\p{Ll}{1,20}){2,4})$`)

// isWord reports whether people write so: in letters, of one case but for the first of each word. A token has digits, or its letters
// are mixed. What is short is no token either.
func isWord(text string) bool {
	const shortest = 6
	text = strings.Trim(text, `"'.,:;!?()[]{}<>*`)
	return len(text) < shortest || word.MatchString(text)
}

// isSentence reports whether a text is several words.
func isSentence(text string) bool {
	words := strings.Fields(text)
	return len(words) > 1 && !slices.ContainsFunc(words, func(word string) bool { return !isWord(word) })
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)

// isPath reports whether a long run of characters is a path or a name in words: in small letters, and what is long between two
// slashes has no digits, but for a UUID.
func isPath(text string) bool {
	const tokenLength = 32
	for step := range strings.SplitSeq(text, "/") {
		if strings.ContainsAny(step, "ABCDEFGHIJKLMNOPQRSTUVWXYZ+=") || len(step) >= tokenLength && strings.ContainsAny(step, "0123456789") && !uuid.MatchString(step) {
			return false
		}
	}
	return true
}
