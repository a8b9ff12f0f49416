package main

import "slices"

// change returns another configuration: something is added, removed, renamed, or replaced by something else of the same name.
func (d modelDraw) change(f modelFile) modelFile {
	f.probes, f.rules, f.notifiers = slices.Clone(f.probes), slices.Clone(f.rules), slices.Clone(f.notifiers)
	for range 1 + d.IntN(2) {
		switch pick(d, "probe", "rule", "notifier") {
		case "probe":
			f.probes = changeList(d, f.probes, d.probe(&f), func(was, drawn *modelProbe) { was.name = drawn.name },
				func(was, drawn *modelProbe) { drawn.name = was.name })
		case "rule":
			f.rules = changeList(d, f.rules, d.rule(&f), func(was, drawn *modelRule) { was.name = drawn.name }, d.replaceRule)
		case "notifier":
			if len(f.notifiers) < 4 {
				f.notifiers = changeList(d, f.notifiers, d.notifier(&f), func(was, drawn *modelNotifier) { was.name = drawn.name },
					func(was, drawn *modelNotifier) { drawn.name = was.name })
			}
		}
	}
	f.rules = slices.Clone(f.rules)
	for i := range f.rules {
		f.rules[i].drop(&f)
	}
	return f
}

// replaceRule gives a drawn rule the name of the rule that it replaces. In half of the cases it also copies the keys that say which runs
// count, so that only the limits change.
func (d modelDraw) replaceRule(was, drawn *modelRule) {
	drawn.name = was.name
	if d.IntN(2) == 0 {
		drawn.on, drawn.per, drawn.window, drawn.probes, drawn.minRuns = was.on, was.per, was.window, was.probes, was.minRuns
	}
}

// changeList adds, removes, renames or replaces one entry of a list. At least one entry stays.
func changeList[T any](d modelDraw, list []T, drawn T, rename, replace func(was, drawn *T)) []T {
	i := d.IntN(len(list))
	switch pick(d, "add", "remove", "rename", "replace") {
	case "add":
		if len(list) < 6 {
			return append(list, drawn)
		}
	case "remove":
		if len(list) > 1 {
			return slices.Delete(list, i, i+1)
		}
	case "rename":
		rename(&list[i], &drawn)
	case "replace":
		replace(&list[i], &drawn)
		list[i] = drawn
	}
	return list
}

// drop removes from a rule the names of probes and notifiers that its configuration no longer has.
func (r *modelRule) drop(f *modelFile) {
	r.probes = slices.DeleteFunc(slices.Clone(r.probes), func(name string) bool {
		return !slices.ContainsFunc(f.probes, func(p modelProbe) bool { return p.name == name })
	})
	r.notify = slices.DeleteFunc(slices.Clone(r.notify), func(name string) bool {
		return !slices.ContainsFunc(f.notifiers, func(n modelNotifier) bool { return n.name == name })
	})
}
