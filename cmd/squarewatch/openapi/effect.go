package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// changing returns the verbs in the name of an operation that show that it changes something, even if its method only reads.
func changing() []string {
	return []string{
		"accept", "add", "approve", "archive", "cancel", "charge", "clear", "confirm", "create", "delete", "deploy", "destroy", "disable",
		"enable", "execute", "flush", "generate", "import", "install", "invite", "invoke", "join", "leave", "login", "logout", "merge", "pay",
		"publish", "purge", "quit", "redeem", "refresh", "register", "reject", "reload", "remove", "reset", "restart", "resume", "revoke",
		"rotate", "run", "send", "shutdown", "signin", "signout", "start", "stop", "submit", "subscribe", "sync", "transfer", "trigger",
		"unsubscribe", "update", "upgrade", "upload", "verify",
	}
}

// effect returns the verb that shows that an operation changes something; empty for none. The verb is the first word of the identifier or
// of the last part of the path. Text before a slash or a dot in an identifier is a group and not a verb: pulls/list reads.
func effect(path string, operation *openapi3.Operation) string {
	identifier := operation.OperationID[strings.LastIndexAny(operation.OperationID, "/.")+1:]
	segments := strings.Split(strings.Trim(path, "/"), "/")
	last := segments[len(segments)-1]
	if strings.ContainsAny(last, "{}") {
		last = ""
	}
	for _, text := range []string{identifier, last} {
		verb := words(text)
		if len(verb) == 0 {
			continue
		}
		if slices.Contains(changing(), verb[0]) {
			return verb[0]
		}
		if two := strings.Join(verb[:min(len(verb), 2)], ""); slices.Contains([]string{"login", "logout", "signin", "signout"}, two) {
			return two
		}
	}
	return ""
}

// refuse returns why an operation is left out because of its description; nil if it may become a probe.
func refuse(path string, operation *openapi3.Operation) error {
	body := operation.RequestBody
	switch word := effect(path, operation); {
	case operation.Deprecated:
		return errors.New("it is deprecated")
	case word != "":
		return fmt.Errorf("its name says that it may change something (%s); write the probe yourself if it only reads", word)
	case body != nil && body.Value != nil && body.Value.Required:
		return errors.New("it requires a body")
	case !strings.HasPrefix(path, "/"):
		return errors.New("its path does not begin with a slash")
	}
	return nil
}
