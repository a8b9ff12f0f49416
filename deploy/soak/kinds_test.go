//go:build soak

package soak_test

import (
	"net/http"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// kind is a kind of fault. begin breaks something, and returns what mends it; nil where nothing is to be mended.
type kind struct {
	weight int // how often it comes, in comparison with others
	begin  func(s *stage, f fault) (end func(), err error)
	lasts  time.Duration // 0 for a time that is drawn
}

// failing is an answer of the API with a reason, in the form of Django REST framework.
func failing(status int) broken {
	header := http.Header{"Content-Type": {"application/json"}}
	return broken{Fault: aisquaretest.Fault{Status: status, Header: header, Body: `{"detail": "The database is away."}`}}
}

// partly is a fault of two requests in five.
func partly(what broken) broken {
	what.every = 5
	return what
}

func gatewayPage() broken {
	header := http.Header{"Content-Type": {"text/html"}}
	return broken{Fault: aisquaretest.Fault{Status: http.StatusBadGateway, Header: header, Body: "<html><h1>502 Bad Gateway</h1></html>"}}
}

func slow(by time.Duration) broken { return broken{Fault: aisquaretest.Fault{Delay: by}} }

func hanging() broken { return broken{Fault: aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders}} }

func breaking(where aisquaretest.BreakPoint) broken {
	return broken{Fault: aisquaretest.Fault{Break: where}}
}

// limiting is an answer of Slack that asks for a pause of so many seconds.
func limiting(after string) slackstub.Fault {
	return slackstub.Fault{Status: http.StatusTooManyRequests, RetryAfter: after}
}

// kinds are all kinds by name. To add one, add a line here.
func kinds() map[string]kind {
	return map[string]kind{
		"target: an endpoint fails":          {weight: 3, begin: endpoint(failing(http.StatusInternalServerError))},
		"target: an endpoint fails partly":   {weight: 2, begin: endpoint(partly(failing(http.StatusInternalServerError)))},
		"target: an endpoint refuses":        {weight: 1, begin: endpoint(failing(http.StatusUnauthorized))},
		"target: an endpoint limits":         {weight: 1, begin: endpoint(failing(http.StatusTooManyRequests))},
		"target: a page of a gateway":        {weight: 1, begin: endpoint(gatewayPage())},
		"target: an endpoint is slow":        {weight: 1, begin: endpoint(slow(700 * time.Millisecond))},
		"target: an endpoint hangs":          {weight: 2, begin: endpoint(hanging())},
		"target: half an answer":             {weight: 1, begin: endpoint(breaking(aisquaretest.BreakBody))},
		"target: a reset":                    {weight: 1, begin: endpoint(breaking(aisquaretest.BreakReset))},
		"target: garbage":                    {weight: 1, begin: endpoint(breaking(aisquaretest.BreakGarbage))},
		"target: everything fails":           {weight: 1, begin: everything(failing(http.StatusServiceUnavailable))},
		"login: fails":                       {weight: 1, begin: login(failing(http.StatusInternalServerError))},
		"login: slow":                        {weight: 1, begin: login(slow(700 * time.Millisecond))},
		"login: hangs":                       {weight: 1, begin: login(hanging())},
		"login: all tokens end":              {weight: 1, begin: endTokens},
		"login: the account is refused":      {weight: 1, begin: refuseAccount},
		"names: SERVFAIL":                    {weight: 1, begin: nameServer(naming{code: dnsmessage.RCodeServerFailure})},
		"names: the target is unknown":       {weight: 1, begin: nameServer(naming{code: dnsmessage.RCodeNameError})},
		"names: silent":                      {weight: 1, begin: nameServer(naming{silent: true})},
		"names: slow":                        {weight: 1, begin: nameServer(naming{delay: 400 * time.Millisecond})},
		"Slack: limits":                      {weight: 1, begin: slackFault(limiting("1"))},
		"Slack: limits for minutes":          {weight: 1, begin: slackFault(limiting("5")), lasts: 2 * time.Minute},
		"Slack: fails":                       {weight: 2, begin: slackFault(slackstub.Fault{Status: http.StatusInternalServerError})},
		"Slack: slow":                        {weight: 1, begin: slackFault(slackstub.Fault{Delay: time.Second})},
		"Slack: cuts connections":            {weight: 1, begin: slackFault(slackstub.Fault{CutBefore: true})},
		"collector: fails":                   {weight: 1, begin: collectorFault(answering{status: http.StatusServiceUnavailable})},
		"collector: limits":                  {weight: 1, begin: collectorFault(answering{status: http.StatusTooManyRequests})},
		"collector: slow":                    {weight: 1, begin: collectorFault(answering{delay: 2 * time.Second})},
		"collector: cuts connections":        {weight: 1, begin: collectorFault(answering{cut: true})},
		"disk: full":                         {weight: 1, begin: fullDisk},
		"disk: read-only at a start":         {weight: 1, begin: readOnlyDisk, lasts: 5 * time.Second},
		"signal: reload":                     {weight: 1, begin: signals(syscall.SIGHUP)},
		"signal: many reloads":               {weight: 1, begin: signals(syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP)},
		"signal: stands still":               {weight: 1, begin: standStill},
		"file: another probe":                {weight: 1, begin: anotherProbe},
		"file: refused":                      {weight: 1, begin: refusedFile},
		"process: killed":                    {weight: 1, begin: restart(syscall.SIGKILL)},
		"process: killed with messages":      {weight: 2, begin: killWithMessages, lasts: 25 * time.Second},
		"process: stopped":                   {weight: 1, begin: restart(syscall.SIGTERM)},
		"neighbour: takes a processor":       {weight: 1, begin: busyNeighbour},
		"people: silence what will fail":     {weight: 2, begin: silenceBefore, lasts: 35 * time.Second},
		"people: silence what fails":         {weight: 1, begin: silenceAfter, lasts: 35 * time.Second},
		"people: a silence that ends sooner": {weight: 1, begin: silenceShort, lasts: 20 * time.Second},
	}
}
