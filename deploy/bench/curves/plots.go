package main

import (
	"fmt"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// look is the colours for one kind of page.
type look struct {
	name             string
	paper, ink, grid color.Color
	lines            []color.Color
}

// looks returns the colours for light and dark pages. The lines are those of Okabe and Ito, Color Universal Design (2008), which people
// with any kind of colour vision tell apart, a little darker or lighter than there.
func looks() []look {
	rgb := func(code uint32) color.Color {
		return color.RGBA{uint8(code >> 16), uint8(code >> 8), uint8(code), 255}
	}
	return []look{
		{"light", rgb(0xffffff), rgb(0x1f2328), rgb(0xd8dee4), []color.Color{rgb(0x57606a), rgb(0x0060a0), rgb(0xb84c00), rgb(0x007a58)}},
		{"dark", rgb(0x0d1117), rgb(0xe6edf3), rgb(0x30363d), []color.Color{rgb(0xa8b1bb), rgb(0x56b4e9), rgb(0xf0975a), rgb(0x2cc295)}},
	}
}

// line is one curve: medians, with the least and the greatest of the turns.
type line struct {
	plotter.XYs
	plotter.YErrors

	name string
}

func (l *line) add(x float64, y spread) {
	l.XYs = append(l.XYs, plotter.XY{X: x, Y: y.Median})
	l.YErrors = append(l.YErrors, struct{ Low, High float64 }{y.Median - y.Low, y.High - y.Median})
}

// The programs that are drawn, as recorded.json names them.
const (
	bare       = "bare net/http"
	everything = "squarewatch"
	blackbox   = "blackbox_exporter, Prometheus"
)

// mode is how probes connect.
type mode struct {
	name       string
	tls, reuse bool
}

func modes() []mode {
	return []mode{
		{"plain, fresh connections", false, false},
		{"plain, kept connections", false, true},
		{"TLS, fresh connections", true, false},
		{"TLS, kept connections", true, true},
	}
}

// curve returns a figure of a program over the number of runs in a second, where each probe runs once a second. It leaves out the rates
// that the program does not reach.
func (r recording) curve(program, figure string, m mode) *line {
	l := &line{name: program}
	for _, c := range r.Cells {
		reached := c.Programs[program]["runs_per_s"].Median > 0.9*float64(c.Rate)
		if got, ok := c.Programs[program][figure]; ok && reached && c.TLS == m.tls && c.Reuse == m.reuse && c.Rate == c.Probes {
			l.add(float64(c.Rate), got)
		}
	}
	return l
}

// cpuPlots draws the CPU time of a run, one plot for each mode.
func (r recording) cpuPlots(look look) [][]*plot.Plot {
	rows := [][]*plot.Plot{nil, nil}
	for i, m := range modes() {
		p := newPlot(look, m.name, "runs a second", "CPU of a run, µs")
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, numbers{50, 100, 200, 500, 1000, 2000, 5000, 10_000}
		p.Y.Min, p.Y.Max = 50, 20_000
		for k, program := range []string{bare, everything, blackbox} {
			add(p, look, k, r.curve(program, "cpu_us_per_run", m))
		}
		rows[i/2] = append(rows[i/2], p)
	}
	return rows
}

// ratioPlots draws how many times as much CPU time as the bare loop squarewatch needs.
func (r recording) ratioPlots(look look) [][]*plot.Plot {
	p := newPlot(look, "squarewatch, everything on", "runs a second", "CPU of a run, times bare net/http")
	p.Y.Min = 0
	for k, m := range modes() {
		l := r.curve(everything, "x_bare", m)
		l.name = m.name
		add(p, look, k, l)
	}
	p.Y.Max *= 1.3 // room for the legend
	return [][]*plot.Plot{{p}}
}

// memoryPlots draws the resident memory over the number of probes.
func (r recording) memoryPlots(look look) [][]*plot.Plot {
	p := newPlot(look, "plain, fresh connections", "probes", "resident memory, MB")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, numbers{100, 1000, 2000, 10_000}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, numbers{10, 20, 50, 100, 200, 500, 1000, 2000}
	p.Y.Min, p.Y.Max = 10, 5000
	for k, program := range []string{bare, everything, blackbox} {
		l := &line{name: program}
		for _, c := range r.Cells {
			if got, ok := c.Programs[program]["resident_mb"]; ok && !c.TLS && !c.Reuse && c.Probes > 0 {
				l.add(float64(c.Probes), got)
			}
		}
		add(p, look, k, l)
	}
	return [][]*plot.Plot{{p}}
}

// newPlot returns a plot in the colours of a look.
func newPlot(look look, title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = look.paper
	p.X.Tick.Marker = numbers{100, 500, 1000, 1500, 2000}
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, 2
	for _, style := range []*draw.TextStyle{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Color = look.ink
		style.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, 11)
	}
	p.Title.TextStyle.Font.Size = 13
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color = look.ink, look.ink
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = look.grid, look.grid
	p.Add(grid)
	return p
}

// add draws a curve in the colour with a number, if it has points.
func add(p *plot.Plot, look look, number int, l *line) {
	if len(l.XYs) == 0 {
		return
	}
	shapes := []draw.GlyphDrawer{draw.SquareGlyph{}, draw.CircleGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}}
	style := draw.LineStyle{Color: look.lines[number], Width: 1.6, Dashes: [][]vg.Length{nil, nil, {6, 3}, {2, 2}}[number]}
	points := &plotter.Scatter{XYs: l.XYs, GlyphStyle: draw.GlyphStyle{Color: look.lines[number], Radius: 3, Shape: shapes[number]}}
	curve := &plotter.Line{XYs: l.XYs, LineStyle: style}
	bars, err := plotter.NewYErrorBars(l)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", l.name, err)) // a figure is not a number
	}
	bars.LineStyle = draw.LineStyle{Color: look.lines[number], Width: 1}
	p.Add(curve, points, bars)
	p.Legend.Add(l.name, curve, points)
}

// numbers are the marks of an axis.
type numbers []float64

// Ticks returns those within the axis.
func (n numbers) Ticks(least, most float64) (ticks []plot.Tick) {
	for _, value := range n {
		if value >= least && value <= most {
			ticks = append(ticks, plot.Tick{Value: value, Label: strconv.FormatFloat(value, 'f', -1, 64)})
		}
	}
	return ticks
}
