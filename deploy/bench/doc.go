// Package bench measures the whole process, other tools, and the page in a browser. make bench measures all of them in one run, against the
// same targets.
package bench
