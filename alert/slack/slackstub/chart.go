package slackstub

import "fmt"

// Limits of https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block.
const (
	maxTitle  = 50
	maxLabel  = 20
	maxPoints = 20
	maxSeries = 6
)

// chart checks a line, bar or area chart.
func (c *checker) chart(path string, b object) {
	c.keys(path, b, "title", "chart")
	c.label(path+"/title", b["title"], maxTitle)
	chart, _ := b["chart"].(object)
	switch chart["type"] {
	case "line", "bar", "area":
	default:
		c.fault(path+"/chart/type", "unsupported type: %v", chart["type"])
		return
	}
	axes, _ := chart["axis_config"].(object)
	categories := map[string]bool{}
	for i, category := range c.list(path+"/chart/axis_config/categories", axes["categories"], maxPoints) {
		at := fmt.Sprintf("%s/chart/axis_config/categories/%d", path, i)
		name := c.label(at, category, maxLabel)
		if categories[name] {
			c.fault(at, "must be unique")
		}
		categories[name] = true
	}
	for _, key := range []string{"x_label", "y_label"} {
		if axes[key] != nil {
			c.label(path+"/chart/axis_config/"+key, axes[key], maxTitle)
		}
	}
	names := map[string]bool{}
	for i, item := range c.list(path+"/chart/series", chart["series"], maxSeries) {
		at := fmt.Sprintf("%s/chart/series/%d", path, i)
		series, _ := item.(object)
		name := c.label(at+"/name", series["name"], maxLabel)
		if names[name] {
			c.fault(at+"/name", "must be unique")
		}
		names[name] = true
		c.points(at+"/data", series["data"], categories)
	}
}

// points checks that a series has one point for every category.
func (c *checker) points(path string, value any, categories map[string]bool) {
	list := c.list(path, value, maxPoints)
	seen := map[string]bool{}
	for i, item := range list {
		point, _ := item.(object)
		label, _ := point["label"].(string)
		if _, ok := point["value"].(float64); !ok || !categories[label] || seen[label] {
			c.fault(fmt.Sprintf("%s/%d", path, i), "must be a number for one category")
		}
		seen[label] = true
	}
	if len(seen) != len(categories) {
		c.fault(path, "must have a point for every category")
	}
}

// label checks the length of a label and returns it.
func (c *checker) label(path string, value any, most int) string {
	text, _ := value.(string)
	if n := units(text); n < 1 || n > most {
		c.fault(path, "must be 1 to %d characters", most)
	}
	return text
}
