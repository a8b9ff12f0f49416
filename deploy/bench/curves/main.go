// Command curves draws the curves of docs/performance.md from what make bench-record measured, each for a light and a dark page.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// recording is the part of recorded.json that is drawn.
type recording struct {
	Commit string `json:"commit"`
	Cells  []cell `json:"cells"`
}

// cell is what the programs measured in a setting.
type cell struct {
	Rate     int                          `json:"runs_per_s"`
	Probes   int                          `json:"probes"`
	TLS      bool                         `json:"tls"`
	Reuse    bool                         `json:"reuse"`
	Programs map[string]map[string]spread `json:"programs"`
}

// spread is a figure over several turns.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func main() {
	from := flag.String("from", "../recorded.json", "what was measured")
	into := flag.String("into", "../../../docs/pictures", "the directory of the pictures")
	flag.Parse()
	if err := run(*from, *into); err != nil {
		log.Fatal(err)
	}
}

func run(from, into string) error {
	text, err := os.ReadFile(from) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	for _, look := range looks() {
		for name, plots := range map[string][][]*plot.Plot{
			"bench-cpu": r.cpuPlots(look), "bench-ratio": r.ratioPlots(look), "bench-memory": r.memoryPlots(look),
		} {
			picture, err := draws(plots, look, r.Commit)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(into, name+"-"+look.name+".svg"), picture, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// draws draws rows of plots as one SVG, whose description names the commit that was measured.
func draws(rows [][]*plot.Plot, look look, commit string) ([]byte, error) {
	const width, height = 760, 300
	canvas := vgsvg.New(width, vg.Length(height*len(rows)))
	canvas.SetColor(look.paper)
	canvas.Fill(vg.Rectangle{Max: vg.Point{X: width, Y: vg.Length(height * len(rows))}}.Path())
	tiles := draw.Tiles{
		Rows: len(rows), Cols: len(rows[0]), PadX: 12, PadY: 12, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 12,
	}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		for j := range row {
			rows[i][j].Draw(row[j])
		}
	}
	var picture bytes.Buffer
	if _, err := canvas.WriteTo(&picture); err != nil {
		return nil, err
	}
	text := bytes.ReplaceAll(picture.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return bytes.Replace(text, []byte("<g "), []byte("<desc>"+commit+"</desc>\n<g "), 1), nil
}
