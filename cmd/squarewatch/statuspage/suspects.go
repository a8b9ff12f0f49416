package statuspage

import (
	"fmt"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// Suspect is one of those who can be at fault.
type Suspect struct {
	Name     string   `json:"name"`
	Bad      bool     `json:"bad"`
	Known    bool     `json:"known"` // something was seen
	Say      string   `json:"say"`
	Evidence []Reason `json:"evidence"` // at most three
}

// suspectsOf weighs everybody by the last run of each probe, by what fires, and by what squarewatch knows of itself.
func suspectsOf(s *Snapshot, rows []Row) []Suspect {
	list := []Suspect{apiSuspect(s), blamedSuspect(s, "Login service", probe.BlameLoginService)}
	for _, name := range credentialsOf(s) {
		list = append(list, keySuspect(s, name))
	}
	list = append(list, blamedSuspect(s, "Our network", probe.BlameNetwork, probe.BlameResolver))
	return append(list, watcherSuspect(s, rows))
}

func credentialsOf(s *Snapshot) []string {
	var names []string
	for i := range s.Probes {
		if c := s.Probes[i].Settings.Credential; c != "" && c != probe.NoCredential && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	slices.Sort(names)
	return names
}

// apiSuspect counts the probes whose last answer speaks against the API.
func apiSuspect(s *Snapshot) Suspect {
	v := Suspect{Name: "API"}
	bad, seen := 0, 0
	for i := range s.Probes {
		last := &s.Probes[i].Recent.Last
		if last.At.IsZero() {
			continue
		}
		seen++
		if last.Expected || isOurs(last.Blame) {
			continue
		}
		if b := last.Blame; b == probe.BlameCredential || b == probe.BlameRole || b == probe.BlameLoginService {
			continue
		}
		bad++
		v.add(s.Probes[i].Settings.Name+": "+outcome(last.Class, last.Code), last.At)
	}
	v.Known, v.Bad = seen > 0, bad > 0
	v.Say = fmt.Sprintf("%d of %d bad", bad, len(s.Probes))
	return v
}

// blamedSuspect is bad while the last run of a probe blames it.
func blamedSuspect(s *Snapshot, name string, culprits ...probe.Blame) Suspect {
	v := Suspect{Name: name, Known: true, Say: "no failure seen"}
	for i := range s.Probes {
		last := &s.Probes[i].Recent.Last
		if last.Expected || !slices.Contains(culprits, last.Blame) {
			continue
		}
		v.Bad, v.Say = true, "fails"
		v.addEvidence(last.Evidence)
	}
	return v
}

// keySuspect is bad while the last run of a probe blames the credential. An expected answer with it shows that it is good.
func keySuspect(s *Snapshot, name string) Suspect {
	v := Suspect{Name: "Key " + foreign(name, cutName), Say: "no run yet"}
	var good *Probe
	for i := range s.Probes {
		p := &s.Probes[i]
		last := &p.Recent.Last
		if last.Credential != name || last.At.IsZero() {
			continue
		}
		switch {
		case last.Blame == probe.BlameCredential || last.Blame == probe.BlameRole:
			v.Bad, v.Known = true, true
			v.addEvidence(last.Evidence)
		case last.Expected && last.Class == probe.Success && (good == nil || last.At.After(good.Recent.Last.At)):
			good = p
		}
	}
	switch {
	case v.Bad:
		v.Say = "refused"
	case good != nil:
		v.Known, v.Say = true, "accepted"
		v.add(good.Settings.Name+" with it: "+outcome(good.Recent.Last.Class, good.Recent.Last.Code), good.Recent.Last.At)
	case slices.ContainsFunc(s.Probes, func(p Probe) bool { return p.Recent.Last.Credential == name }):
		v.Say = "not known: no good answer with it"
	}
	return v
}

// watcherSuspect says whether squarewatch itself does its work.
func watcherSuspect(s *Snapshot, rows []Row) Suspect {
	v := Suspect{Name: "Watching", Known: true, Say: "all on time"}
	late := 0
	for i := range rows {
		if rows[i].State == RowLate {
			late++
			v.add(rows[i].Probe+" is "+rows[i].Why, rows[i].At)
		}
	}
	missed := 0
	for i := range s.Probes {
		missed += s.Probes[i].Recent.Missed
	}
	if missed > 0 {
		v.Say = fmt.Sprintf("%d missed since %s", missed, s.Started.UTC().Format("2 Jan 15:04"))
	}
	if late > 0 {
		v.Bad, v.Say = true, fmt.Sprintf("%d late or missed", late)
	}
	if len(s.Faults) > 0 {
		v.Bad, v.Say = true, "does not work as it should"
		for _, f := range s.Faults {
			v.add(f, time.Time{})
		}
	}
	for i := range s.Firing {
		if s.Firing[i].Condition == alert.ConditionWatcher {
			v.Bad = true
		}
	}
	return v
}

// add adds evidence, at most three pieces, each once.
func (v *Suspect) add(text string, at time.Time) {
	if len(v.Evidence) == 3 {
		return
	}
	text = foreign(text, cutExcerpt)
	if !slices.ContainsFunc(v.Evidence, func(r Reason) bool { return r.Text == text }) {
		v.Evidence = append(v.Evidence, Reason{Text: text, At: at})
	}
}

func (v *Suspect) addEvidence(all []probe.Evidence) {
	for _, e := range all {
		v.add(e.Text, e.At)
	}
}
