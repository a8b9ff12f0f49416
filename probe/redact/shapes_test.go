package redact

import (
	"strings"
	"testing"
)

func TestTextThatLooksLikeASecretIsMasked(t *testing.T) {
	for text, want := range map[string]string{
		"mail ada@example.org now":                      "mail *** now",
		"mail info@bücher.de now":                       "mail *** now",
		"jürgen.müller@example.com is gone":             "*** is gone",
		"ju\u0308rgen@example.com is gone":              "*** is gone",
		"алиса@пример.рф":                               "***",
		"alice＠example.com":                             "***",
		"alice@example．com":                             "***",
		"/reset?email=alice%40example.com&x":            "/reset?email=***&x",
		"alice%2540example.com":                         "***",
		"alice&#64;example.com, a&#x40;example.com":     "***, ***",
		`alice\u0040example.com`:                        "***",
		"Bearer abc.def is bad":                         "Bearer *** is bad",
		"Bearer: abcd1234 is bad":                       "Bearer: *** is bad",
		"Authorization: Basic YWxpY2U6c2VjcmV0":         "Authorization: Basic ***",
		"Authorization: Token abcdef0123456789":         "Authorization: Token ***",
		"invalid bearer token 9f8e7d6c.":                "invalid bearer token ***",
		"API key 9f8e7d6c is bad":                       "API key *** is bad",
		"token: 9f8e7d6c":                               "token: ***",
		"token=9f8e7d6c5b4a3928, x":                     "token=***, x",
		"password=hunter refused":                       "password=*** refused",
		"client_secret = hunter&x=1":                    "client_secret = ***&x=1",
		"api_key=abc;apikey=abc;API-Key=abc":            "api_key=***;apikey=***;API-Key=***",
		"new_password1=hunter":                          "new_password1=***",
		"q=password%3Dhunter":                           "q=password%3D***",
		`{"password":"hunter 2","a":1}`:                 `{"password":***,"a":1}`,
		`{"password": "hun\"ter", "a": 1}`:              `{"password": ***, "a": 1}`,
		`{"api_key": 123456}`:                           `{"api_key": ***}`,
		`{'secret': 'hunter'}`:                          `{'secret': ***}`,
		`{\"password\":\"hunter\",\"a\":1}`:             `{\"password\":***,\"a\":1}`,
		`{"access_token": "hunt`:                        `{"access_token": ***`,
		"xoxb-12345-abcdef, sk_live_51H8abcdefgh":       "***, ***",
		"sk-partner-7Hq2mZ9x, aisq_abc":                 "***, ***",
		"ghp_16C7e42F292c6912E7, AKIAIOSFODNN7EXAMPLE":  "***, ***",
		"https://hooks.slack.com/services/T0/B0/x said": "https://*** said",
		"eyJhbGciOi.eyJzdWIi.c2ln":                      "***",
		"postgres://app:pa55word@db:5432/app refused":   "postgres://***@db:5432/app refused",
		"id " + strings.Repeat("0123abcd", 4):           "id ***",
		strings.Repeat("aB3/", 10):                      "***",
		strings.Repeat("xyz4", 10) + "/" + "b":          "***",
	} {
		if got := maskShapes(text); got != want {
			t.Errorf("%s: want %q, got %q", text, want, got)
		}
	}
}

// TestSecretIsMaskedInEveryNotation has the notations of frameworks, of URLs and of nested quotations.
func TestSecretIsMaskedInEveryNotation(t *testing.T) {
	for _, text := range []string{
		`<QueryDict: {'username': ['alice'], 'password': ['hunter2x!']}>`, `{"password": ["hunter2x!"]}`, `{"password":["my hunter2x"]}`,
		`{"password":["hunter2`, `{'password': b'hunter2x9'}`, `{'password': u'hunter2x9'}`,
		`SECRET_KEY = 'django-hunter2x9'`, `{"secret_key":"hunter2x9"}`, `{"secretKey":"hunter2x9"}`, `token_value=hunter2x9`,
		`password:hunter2x9`, `token:hunter2x9`, `api-key:hunter2x9`, `Bearer:hunter2x9abc`,
		`%22password%22%3A%22hunter2x9%22`, `%22password%22%3A%20%22hunter2x9%22`, `token%3Ahunter2x9`, `password%20%3D%20hunter2x9`,
		`Bearer%20hunter2x9abc`, `Bearer+hunter2x9`, `password%253Dhunter2x9`,
		`{\\\"password\\\": \\\"hunter2x9\\\"}`, `&quot;password&quot;: &quot;my hunter2x9&quot;`, `"password"=>"hunter2x9"`,
		`<password>hunter2x9</password>`,
		`password=a,hunter2x9`, `password: "correct hunter2x9"`, `mysql://u:p@hunter2@host`,
		`jwt=hunter2x9`, `auth=hunter2x9`, `pass=hunter2x9`, `passcode=hunter2x9`, `sig=hunter2x9`,
		`Set-Cookie: session=hunter2x9; Path=/; id=hunter2x9`,
		`password = Bearer hunter2x9`, `password=token: hunter2x9`,
	} {
		if got := maskShapes(text); strings.Contains(got, "hunter2") || !strings.Contains(got, masked) {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

func TestOrdinaryWordsAreNotMasked(t *testing.T) {
	for _, text := range []string{
		"Token NotFound", "error for token: TokenExpiredError",
		"No route /api/v1/collections/123e4567-e89b-12d3-a456-426614174000/items/",
		"token expired", "Token expired.", "Bearer token is missing", "Given token not valid for any token type", "token_not_valid",
		"password is too short", "password: This field is required.", "password: Must be 8-20 characters.",
		`"password": ["This field is required."]`,
		"Basic authentication is required", "basic auth/authorization", "secret: not found", "API key is missing", "api_key: Invalid key.",
		"The token isn't valid", "token недействителен", "token 无效或已过期",
		"TOKEN EXPIRED", "token INVALID_OR_EXPIRED", "token_type=bearer",
		`Unexpected token '<', "<!DOCTYPE "... is not valid JSON`, "token 42 of 50", "3 tokens left", "no passwords", "secret santa",
		"risk-based-authentication", "sk-SK", "ada@localhost", "5 @ 3", "50%40", "https://api.example.org:8080/a@b", "10:30@home",
		"The requested URL /api/v1/aistudios/experiences/flattened/ was not found on this server.",
		"user_authentication_rule_check_failed_for_this_account", "550e8400-e29b-41d4-a716-446655440000",
		`dial tcp: lookup api.example.org on 127.0.0.53:53: no such host`, `malformed HTTP response "\x00\x01"`,
		"x509: certificate signed by unknown authority",
		"answered 401, expected 2xx",
		"password: too short", "This password is too common.", "Invalid token: expired", "session id missing", "compass: north",
		"bypass 12 checks", "the secret is out", "Bearer realm", "authorization required", "basic access only",
	} {
		if got := maskShapes(text); got != text {
			t.Errorf("%s: got %q", text, got)
		}
	}
}
