// Package diagnosis measures whether the daemon names the right culprit in one message. Its test breaks one thing after another
// around the built daemon, and compares what the strict stand-in for Slack receives with what truly was broken. Its test needs the build
// tag diagnosis; `make diagnosis` installs what it needs and runs it. README.md describes the rows and the figures.
package diagnosis
