package slackstub_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"squarewatch/alert/slack/slackstub"
)

// long returns a text of n characters.
func long(n int) string { return strings.Repeat("x", n) }

func list(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

func mrkdwn(text string) string { return fmt.Sprintf(`{"type":"mrkdwn","text":%q}`, text) }

func plainText(text string) string { return fmt.Sprintf(`{"type":"plain_text","text":%q}`, text) }

func header(text string) string { return `[{"type":"header","text":` + plainText(text) + `}]` }

func section(text string) string { return `{"type":"section","text":` + mrkdwn(text) + `}` }

func button(text, action, value string) string {
	return fmt.Sprintf(`{"type":"button","text":%s,"action_id":%q,"value":%q}`, plainText(text), action, value)
}

func actions(elements ...string) string {
	return `[{"type":"actions","elements":[` + strings.Join(elements, ",") + `]}]`
}

// chart returns a chart with a number of series, each with a number of points.
func chart(title string, series, points int) string {
	var categories, all []string
	for i := range points {
		categories = append(categories, strconv.Quote(strconv.Itoa(i)))
	}
	for i := range series {
		var data []string
		for j := range points {
			data = append(data, fmt.Sprintf(`{"label":"%d","value":1}`, j))
		}
		all = append(all, fmt.Sprintf(`{"name":"s%d","data":[%s]}`, i, strings.Join(data, ",")))
	}
	return fmt.Sprintf(`{"type":"data_visualization","title":%q,"chart":{"type":"line","series":[%s],"axis_config":{"categories":[%s]}}}`,
		title, strings.Join(all, ","), strings.Join(categories, ","))
}

// TestEveryLimitIsChecked checks for each limit the largest message that passes, and the smallest that does not.
func TestEveryLimitIsChecked(t *testing.T) {
	fields := func(n, length int) string {
		return `[{"type":"section","fields":` + list(n, mrkdwn(long(length))) + `}]`
	}
	elements := func(n int) string { return `[{"type":"context","elements":` + list(n, mrkdwn("x")) + `}]` }
	for name, test := range map[string]struct{ word, good, bad string }{
		"blocks":        {"invalid_blocks", list(50, section("x")), list(51, section("x"))},
		"header":        {"invalid_blocks", header(long(150)), header(long(151))},
		"an empty text": {"invalid_blocks", header("x"), header("")},
		"emoji by name": {"invalid_blocks", header("🔴" + long(138)), header("🔴" + long(139))},
		"section":       {"invalid_blocks", "[" + section(long(3000)) + "]", "[" + section(long(3001)) + "]"},
		"fields":        {"invalid_blocks", fields(10, 1), fields(11, 1)},
		"a field":       {"invalid_blocks", fields(1, 2000), fields(1, 2001)},
		"context":       {"invalid_blocks", elements(10), elements(11)},
		"button text":   {"invalid_blocks", actions(button(long(75), "a", "v")), actions(button(long(76), "a", "v"))},
		"button value":  {"invalid_blocks", actions(button("x", "a", long(2000))), actions(button("x", "a", long(2001)))},
		"no value":      {"invalid_blocks", actions(button("x", "a", "v")), actions(button("x", "a", ""))},
		"action ID":     {"invalid_blocks", actions(button("x", long(255), "v")), actions(button("x", long(256), "v"))},
		"same actions": {"invalid_blocks", actions(button("x", "a", "v"), button("x", "b", "v")), actions(button("x", "a", "v"), button("x",
			"a", "v"))},
		"block ID": {"invalid_blocks", `[{"type":"divider","block_id":"` + long(255) + `"}]`, `[{"type":"divider","block_id":"` +
			long(256) + `"}]`},
		"same block IDs": {
			"invalid_blocks", `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}]`,
			`[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`,
		},
		"no elements":    {"invalid_blocks", elements(1), `[{"type":"context","elements":[]}]`},
		"an empty block": {"invalid_blocks", "[" + section("x") + "]", `[{"type":"section"}]`},
		"a strange key":  {"invalid_blocks", "[" + section("x") + "]", `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`},
		"a strange type": {"invalid_blocks", `[{"type":"divider"}]`, `[{"type":"marquee"}]`},
		"no list":        {"invalid_blocks_format", `[]`, `{}`},
		"all together":   {"msg_blocks_too_long", list(4, section(long(3000))), list(5, section(long(2641)))},
		"chart title":    {"invalid_blocks", "[" + chart(long(50), 1, 1) + "]", "[" + chart(long(51), 1, 1) + "]"},
		"series":         {"invalid_blocks", "[" + chart("x", 6, 1) + "]", "[" + chart("x", 7, 1) + "]"},
		"points":         {"invalid_blocks", "[" + chart("x", 1, 20) + "]", "[" + chart("x", 1, 21) + "]"},
		"charts":         {"invalid_blocks", list(2, chart("x", 1, 1)), list(3, chart("x", 1, 1))},
	} {
		if word, reasons := slackstub.Check("x", test.good); word != "" {
			t.Errorf("%s: want it taken, got %s %v", name, word, reasons)
		}
		if word, _ := slackstub.Check("x", test.bad); word != test.word {
			t.Errorf("%s: want %s, got %q", name, test.word, word)
		}
	}
	for text, want := range map[string]string{long(4000): "", long(4001): "msg_too_long", "": "no_text"} {
		if word, _ := slackstub.Check(text, ""); word != want {
			t.Errorf("%d characters of text: want %q, got %q", len(text), want, word)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("x", `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`)
	f.Add("x", "["+chart("x", 2, 2)+"]")
	f.Add("", `[null,1,{"type":"actions","elements":[{"type":"button"}]},{"type":"context","elements":[[]]}]`)
	f.Fuzz(func(t *testing.T, text, blocks string) {
		word, _ := slackstub.Check(text, blocks)
		if word == "" && (text == "" || len([]rune(text)) > 4000 || blocks != "" && !json.Valid([]byte(blocks))) {
			t.Errorf("%q with %q was taken", text, blocks)
		}
	})
}
