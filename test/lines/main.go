// Command lines reads `go test -json` and prints one line per finished test, and the whole
// output of those that failed. Its exit code is 1 when something failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	failed := 0
	output := map[string]*strings.Builder{}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // not JSON: what the go command says itself
			continue
		}
		failed += show(e, output)
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "lines:", err)
		os.Exit(1)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// show prints what e finishes and reports 1 when that failed.
func show(e event, output map[string]*strings.Builder) int {
	key := e.Package + " " + e.Test
	if e.Action == "output" || e.Action == "build-output" {
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		output[key].WriteString(e.Output)
		return 0
	}
	name := strings.TrimPrefix(e.Package, "heddle/")
	if e.Test != "" {
		name += " " + strings.TrimPrefix(e.Test, "Test")
	}
	switch {
	case e.Action == "pass" && e.Test != "":
		fmt.Printf("PASS %6.1f s  %s\n", e.Elapsed, name)
	case e.Action == "skip" && e.Test != "":
		fmt.Printf("SKIP           %s\n", name)
	case e.Action == "fail" || e.Action == "build-fail":
		fmt.Printf("FAIL %6.1f s  %s\n", e.Elapsed, name)
		if b := output[key]; b != nil {
			fmt.Print(b)
		}
		return 1
	}
	return 0
}
