package slack

import (
	"math"
	"time"

	"squarewatch/alert"

	"github.com/slack-go/slack"

	"squarewatch/config/setting"
)

// minPoints is how many parts of a window must have runs. With fewer, a chart shows no more than the rate.
const minPoints = 3

// chart draws the rate over the window and the threshold; nil when there are too few points.
// See https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block/.
func chart(incident *alert.Incident) slack.Block {
	var rates, thresholds []slack.DataVisualizationDataPoint
	var labels []string
	layout := "15:04:05"
	switch { // labels must differ
	case incident.Window >= oneDay:
		layout = "01-02 15:04"
	case incident.Window < time.Minute:
		layout = "15:04:05.000"
	}
	for _, p := range incident.Course {
		if p.Runs == 0 {
			continue
		}
		label := p.At.UTC().Format(layout)
		labels = append(labels, label)
		rates = append(rates, slack.NewDataVisualizationDataPoint(label, percent(setting.Share(p.Bad)/setting.Share(p.Runs))))
		thresholds = append(thresholds, slack.NewDataVisualizationDataPoint(label, percent(incident.Threshold)))
	}
	if len(labels) < minPoints {
		return nil
	}
	if incident.Condition != alert.ConditionRate && incident.Condition != alert.ConditionBurn {
		return nil // these conditions have no rate
	}
	axes := slack.NewDataVisualizationAxisConfig(labels...).WithXLabel("UTC").WithYLabel("% of runs")
	block := &slack.DataVisualizationBlock{
		Type:  slack.MBTDataVisualization,
		Title: countedStrictly("Rate of "+clean(incident.Series), titleLimit),
		Chart: slack.NewDataVisualizationLineChart(axes,
			slack.NewDataVisualizationDataSeries("rate", rates...), slack.NewDataVisualizationDataSeries("threshold", thresholds...)),
	}
	if block.Validate() != nil {
		return nil // Slack would refuse it, and send would conclude that Slack refuses all charts
	}
	return block
}

// titleLimit is the length of a chart's title, in characters.
const titleLimit = 50

const oneDay = 24 * time.Hour

// percent returns a share in percent with three decimals, since the threshold of a tight objective is far below 1 %.
func percent(s setting.Share) float64 { return math.Round(float64(s)*1e5) / 1e3 }

// withoutChart returns the blocks without charts, since Slack may refuse charts.
func withoutChart(blocks []slack.Block) []slack.Block {
	kept := make([]slack.Block, 0, len(blocks))
	for _, b := range blocks {
		if b.BlockType() != slack.MBTDataVisualization {
			kept = append(kept, b)
		}
	}
	return kept
}
