//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// grafanaTypes begins TypeScript that checks a dashboard against Grafana's own types. Plain replaces enumerations by their texts, as in
// JSON. Some makes fields optional, because Grafana fills in missing options.
const grafanaTypes = `import type { Dashboard } from "@grafana/schema";
type Plain<T> = T extends string ? QUOTED : T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Some<T> = T extends (infer E)[] ? Some<E>[] : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;
`

// panelTypes are the modules with the types of each kind of panel.
func panelTypes() map[string]string {
	return map[string]string{
		"table": "table/panelcfg/x/Table", "stat": "stat/panelcfg/x/Stat", "bargauge": "bargauge/panelcfg/x/BarGauge",
		"timeseries": "timeseries/panelcfg/x/TimeSeries", "state-timeline": "statetimeline/panelcfg/x/StateTimeline",
		"heatmap": "heatmap/panelcfg/x/Heatmap",
	}
}

// typedDashboard returns a dashboard as TypeScript. It declares the options of each panel separately, because the type of a dashboard does
// not check them.
func typedDashboard(t *testing.T, dashboard string) string {
	t.Helper()
	var source, panels strings.Builder
	source.WriteString(strings.Replace(grafanaTypes, "QUOTED", "`${T}`", 1))
	for kind, module := range panelTypes() {
		fmt.Fprintf(&source, "import type * as %s from \"@grafana/schema/dist/esm/raw/composable/%sPanelCfg_types.gen\";\n", space(kind), module)
	}
	var read struct {
		Panels []struct {
			Type        string
			Options     json.RawMessage
			FieldConfig struct {
				Defaults struct{ Custom json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal([]byte(dashboard), &read); err != nil {
		t.Fatal(err)
	}
	for i, p := range read.Panels {
		if p.Options != nil {
			fmt.Fprintf(&panels, "export const options%d: Some<Plain<%s.Options>> = %s;\n", i, space(p.Type), p.Options)
		}
		if custom := p.FieldConfig.Defaults.Custom; custom != nil {
			fmt.Fprintf(&panels, "export const custom%d: Some<Plain<%s.FieldConfig>> = %s;\n", i, space(p.Type), custom)
		}
	}
	fmt.Fprintf(&source, "export const dashboard: Plain<Dashboard> = %s;\n%s", dashboard, panels.String())
	return source.String()
}

// space returns a kind of panel as a name in TypeScript.
func space(kind string) string { return strings.ReplaceAll(kind, "-", "_") }

func TestGrafanasTypesAcceptTheDashboard(t *testing.T) {
	text, err := os.ReadFile("../grafana/squarewatch.json")
	if err != nil {
		t.Fatal(err)
	}
	dashboard := string(text)
	if said := compile(t, "grafanajudge", typedDashboard(t, dashboard)); said != "" {
		t.Errorf("Grafana's types refuse the dashboard:\n%s", said)
	}
	for _, bad := range [][2]string{
		{`"graphTooltip": 1`, `"graphTooltip": 7`},
		{`"type": "textbox"`, `"type": "textarea"`},
		{`"gridPos": {`, `"gridPosition": {`},
		{`"colorMode": "background"`, `"colorMode": "ground"`},
		{`"drawStyle": "line"`, `"drawStyles": "line"`},
	} {
		broken := strings.Replace(dashboard, bad[0], bad[1], 1)
		if broken == dashboard || compile(t, "grafanajudge", typedDashboard(t, broken)) == "" {
			t.Errorf("want the judge to refuse %s", bad[1])
		}
	}
}
