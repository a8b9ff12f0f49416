package alert_test

import (
	"squarewatch/alert/alerttest"
)

// The fixtures of alerttest under short names.
var (
	start     = alerttest.Start
	sec       = alerttest.Second
	result    = alerttest.Result
	probes    = alerttest.Probes
	engine    = alerttest.Engine
	codes     = alerttest.Codes
	feed      = alerttest.Feed
	sel       = alerttest.Selectors
	rule      = alerttest.Rule
	short     = alerttest.Short
	restarted = alerttest.Restarted
)
