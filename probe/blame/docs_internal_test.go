package blame

import (
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// weighShown returns the evidence that the judge finds in the observations of a row.
func weighShown(s *shown) []point {
	m := newMemory()
	for i := range s.seen {
		m.add(&s.seen[i])
	}
	question := &s.seen[len(s.seen)-1]
	if s.open != "" {
		m.learnServed(s.open, served{question.End, true})
	}
	return m.weigh(question)
}

// TestTheTableOfTheDocs compares every row of the table in docs/blame.md with the weights that the judge gives.
func TestTheTableOfTheDocs(t *testing.T) {
	rows := tableOfTheDocs(t)
	known := map[string]bool{}
	for _, s := range slices.Concat(shownSilences(), shownRefusals(), shownAnswers()) {
		known[s.row] = true
		cell, ok := rows[s.row]
		if !ok {
			t.Errorf("docs/blame.md lacks the row %q", s.row)
			continue
		}
		want := weightsOf(cell, s.seen)
		if s.seen == nil {
			if len(want) > 0 {
				t.Errorf("%s: the docs give %v, but no observations show that", s.row, want)
			}
			continue
		}
		got := map[Culprit]int{}
		for _, p := range weighShown(&s) {
			if saysOne(p.Text, s.says) {
				got[p.For] += p.weight
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: the docs say %v, the judge says %v", s.row, want, got)
		}
		for c, weight := range want {
			if got[c] != weight {
				t.Errorf("%s: the docs say %q %d, the judge says %d", s.row, c, weight, got[c])
			}
		}
	}
	for row := range rows {
		if !known[row] {
			t.Errorf("no observations show the row %q of docs/blame.md", row)
		}
	}
}

// TestEveryEvidenceIsInTheDocs weighs random observations. Each piece of evidence must belong to a row of the table, or to the server
// errors.
func TestEveryEvidenceIsInTheDocs(t *testing.T) {
	known := []string{"came from the API itself", "came from a gateway before the API"}
	for _, s := range slices.Concat(shownSilences(), shownRefusals(), shownAnswers()) {
		known = append(known, s.says...)
	}
	number := regexp.MustCompile(`\d+`)
	for i := range known {
		known[i] = number.ReplaceAllString(known[i], "2")
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		seen := someObservations(random, docsBegin)
		m := newMemory()
		for i := range seen {
			m.add(&seen[i])
		}
		for _, p := range m.weigh(&seen[len(seen)-1]) {
			if text := number.ReplaceAllString(p.Text, "2"); !saysOne(text, known) {
				t.Fatalf("no row of docs/blame.md is about %q", p.Text)
			}
		}
	}
}

// TestTheDocsSayHowMuchIsEnough compares the numbers in the text with those of the judge.
func TestTheDocsSayHowMuchIsEnough(t *testing.T) {
	text := strings.Join(strings.Fields(docsText(t)), " ")
	for _, want := range []string{
		"if it has at least " + strconv.Itoa(enough) + " and is " + strconv.Itoa(margin) + " above the next",
		"The server errors of the same probe in the window share " + strconv.Itoa(sumOf(run(0, "a", "", ServerError))) + " points",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in docs/blame.md", want)
		}
	}
}

func sumOf(o Observation) int {
	total := 0
	for _, weight := range sums([]Observation{o}, &o) {
		total += weight
	}
	return total
}

func saysOne(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

func docsText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/blame.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tableOfTheDocs returns the rows of the table of evidence: the second cell by the first cell.
func tableOfTheDocs(t *testing.T) map[string]string {
	t.Helper()
	_, text, _ := strings.Cut(docsText(t), "## Which evidence leads where")
	text, _, _ = strings.Cut(text, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 2 || !strings.HasPrefix(line, "|") || strings.Contains(line, "| evidence |") || strings.Contains(line, "---") {
			continue
		}
		rows[strings.TrimSpace(cells[0])] = strings.TrimSpace(cells[1])
	}
	return rows
}

// weightsOf returns the weights in a cell such as "`api` 20, `network` 10", "`gateway`, up to 70" or "`api` 60 (for 403: 45)".
func weightsOf(cell string, seen []Observation) map[Culprit]int {
	weights := map[Culprit]int{}
	other := regexp.MustCompile(`\(for 403: (\d+)\)`).FindStringSubmatch(cell)
	for _, found := range regexp.MustCompile("`([a-z_]+)`(?:, up to)? ([0-9]+)").FindAllStringSubmatch(cell, -1) {
		number := found[2]
		if other != nil && seen[len(seen)-1].Outcome == Forbidden {
			number = other[1]
		}
		weights[Culprit(found[1])], _ = strconv.Atoi(number)
	}
	return weights
}
