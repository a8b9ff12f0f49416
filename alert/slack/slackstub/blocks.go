package slackstub

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf16"
)

// Limits of https://docs.slack.dev/reference/block-kit/blocks and its pages, except where a comment names another source.
const (
	maxBlocks      = 50
	maxHeader      = 150
	maxSection     = 3000
	maxFields      = 10
	maxField       = 2000
	maxContext     = 10
	maxActions     = 25
	maxButtonText  = 75
	maxButtonValue = 2000
	maxButtonURL   = 3000
	maxID          = 255
	maxAllBlocks   = 13_200 // https://github.com/slackapi/bolt-js/issues/2509
	maxText        = 4000   // https://docs.slack.dev/reference/methods/chat.update; reports say the same of chat.postMessage
	maxCharts      = 2      // https://github.com/vercel/chat/issues/696
	longestEmoji   = 56     // :black_right_pointing_double_triangle_with_vertical_bar:
)

// object is a JSON object.
type object = map[string]any

// checker collects what is wrong with blocks.
type checker struct {
	reasons []string
	ids     map[string]bool
	length  int // of all texts together
	charts  int
}

// Check returns the error code and the reasons with which Slack refuses a message of text and blocks (JSON, or empty); an empty code when
// Slack accepts it.
func Check(text, blocks string) (word string, reasons []string) {
	c := &checker{ids: map[string]bool{}}
	if blocks != "" && blocks != "null" {
		var list []any
		if json.Unmarshal([]byte(blocks), &list) != nil {
			return "invalid_blocks_format", []string{"the blocks are not a list"}
		}
		c.blocks(list)
	}
	switch {
	case len(c.reasons) > 0:
		return "invalid_blocks", c.reasons
	case c.length > maxAllBlocks:
		return "msg_blocks_too_long", []string{fmt.Sprintf("%d characters in all blocks, at most %d", c.length, maxAllBlocks)}
	case units(text) > maxText:
		return "msg_too_long", []string{fmt.Sprintf("%d characters of text, at most %d", units(text), maxText)}
	case text == "":
		return "no_text", nil
	}
	return "", nil
}

// units counts UTF-16 code units. Slack does not publish how it counts; this is the largest count.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// emojiUnits counts an emoji as its name, as in :red_circle:. An emoji whose name is not in this list counts as the longest name of all.
// Slack does not publish how it counts.
func emojiUnits(text string) int {
	names := map[rune]string{
		'🔴': ":red_circle:", '🟢': ":large_green_circle:", '🟡': ":large_yellow_circle:",
		'🔵': ":large_blue_circle:", '⚪': ":white_circle:",
	}
	n := 0
	for _, r := range text {
		switch name, known := names[r]; {
		case known:
			n += len(name)
		case r > unicode.MaxASCII && unicode.IsSymbol(r):
			n += longestEmoji
		default:
			n += utf16.RuneLen(r)
		}
	}
	return n
}

func (c *checker) fault(path, format string, arguments ...any) {
	c.reasons = append(c.reasons, "[ERROR] "+fmt.Sprintf(format, arguments...)+" [json-pointer:"+path+"]")
}

func (c *checker) blocks(list []any) {
	if len(list) > maxBlocks {
		c.fault("/blocks", "no more than %d items allowed", maxBlocks)
	}
	for i, item := range list {
		path := fmt.Sprintf("/blocks/%d", i)
		block, ok := item.(object)
		if !ok {
			c.fault(path, "must be an object")
			continue
		}
		c.block(path, block)
	}
	if c.charts > maxCharts {
		c.fault("/blocks", "no more than %d charts allowed", maxCharts)
	}
}

func (c *checker) block(path string, b object) {
	c.identifier(path+"/block_id", b["block_id"])
	switch b["type"] {
	case "header":
		c.keys(path, b, "text")
		c.text(path+"/text", b["text"], maxHeader, "plain_text")
		if text, ok := b["text"].(object); ok {
			if content, _ := text["text"].(string); emojiUnits(content) > maxHeader {
				c.fault(path+"/text", "must be less than %d characters", maxHeader+1)
			}
		}
	case "section":
		c.section(path, b)
	case "context":
		c.keys(path, b, "elements")
		for i, element := range c.list(path+"/elements", b["elements"], maxContext) {
			c.text(fmt.Sprintf("%s/elements/%d", path, i), element, maxSection, "plain_text", "mrkdwn")
		}
	case "actions":
		c.keys(path, b, "elements")
		actions := map[string]bool{}
		for i, element := range c.list(path+"/elements", b["elements"], maxActions) {
			c.button(fmt.Sprintf("%s/elements/%d", path, i), element, actions)
		}
	case "divider":
		c.keys(path, b)
	case "data_visualization":
		c.charts++
		c.chart(path, b)
	default:
		c.fault(path, "unsupported type: %v", b["type"])
	}
}

// keys refuses properties that Slack does not know.
func (c *checker) keys(path string, o object, known ...string) {
	for key := range o {
		if key != "type" && key != "block_id" && !slices.Contains(known, key) {
			c.fault(path, "invalid additional property: %s", key)
		}
	}
}

// identifier checks a block_id, which may be left out.
func (c *checker) identifier(path string, value any) {
	if value == nil {
		return
	}
	id, ok := value.(string)
	if !ok || units(id) > maxID {
		c.fault(path, "must be at most %d characters", maxID)
	}
	if id != "" && c.ids[id] {
		c.fault(path, "must be unique")
	}
	c.ids[id] = true
}

// list returns a list, which must not be empty.
func (c *checker) list(path string, value any, most int) []any {
	list, ok := value.([]any)
	if !ok || len(list) == 0 || len(list) > most {
		c.fault(path, "must be 1 to %d items", most)
	}
	return list
}

// text checks a text object: https://docs.slack.dev/reference/block-kit/composition-objects/text-object.
func (c *checker) text(path string, value any, most int, kinds ...string) {
	o, ok := value.(object)
	if !ok {
		c.fault(path, "must be an object")
		return
	}
	kind, _ := o["type"].(string)
	if !slices.Contains(kinds, kind) {
		c.fault(path+"/type", "unsupported type: %s", kind)
	}
	own := "emoji"
	if kind == "mrkdwn" {
		own = "verbatim"
	}
	c.keys(path, o, "text", own)
	content, _ := o["text"].(string)
	n := units(content)
	c.length += n
	if n < 1 || n > most {
		c.fault(path+"/text", "must be 1 to %d characters, not %d", most, n)
	}
}

func (c *checker) section(path string, b object) {
	c.keys(path, b, "text", "fields", "expand")
	if b["text"] == nil && b["fields"] == nil {
		c.fault(path, "missing required field: text or fields")
	}
	if b["text"] != nil {
		c.text(path+"/text", b["text"], maxSection, "plain_text", "mrkdwn")
	}
	if b["fields"] != nil {
		for i, f := range c.list(path+"/fields", b["fields"], maxFields) {
			c.text(fmt.Sprintf("%s/fields/%d", path, i), f, maxField, "plain_text", "mrkdwn")
		}
	}
}

// button checks https://docs.slack.dev/reference/block-kit/block-elements/button-element.
func (c *checker) button(path string, value any, actions map[string]bool) {
	b, ok := value.(object)
	if !ok || b["type"] != "button" {
		c.fault(path, "unsupported element")
		return
	}
	c.keys(path, b, "text", "action_id", "value", "url", "style", "confirm", "accessibility_label")
	c.text(path+"/text", b["text"], maxButtonText, "plain_text")
	action, _ := b["action_id"].(string)
	if action == "" || units(action) > maxID || actions[action] {
		c.fault(path+"/action_id", "must be 1 to %d characters and unique", maxID)
	}
	actions[action] = true
	for key, most := range map[string]int{"value": maxButtonValue, "url": maxButtonURL} {
		if text, ok := b[key].(string); ok && (text == "" || units(text) > most) {
			c.fault(path+"/"+key, "must be 1 to %d characters", most)
		}
	}
	if style := b["style"]; style != nil && style != "primary" && style != "danger" {
		c.fault(path+"/style", "unsupported style: %v", style)
	}
}
