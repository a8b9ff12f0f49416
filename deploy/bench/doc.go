// Package bench measures squarewatch as a whole process, beside other tools and in a browser, on the same targets in one run: make bench.
package bench
