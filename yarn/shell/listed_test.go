package shell

import (
	"os"
	"strings"
	"testing"
)

// Every command, and every option of it, is in a row of docs/compatibility.md.
func TestEveryOptionIsListed(t *testing.T) {
	b, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // command to the options of its rows
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			command, list, _ := strings.Cut(name, " ")
			rows[strings.TrimSuffix(command, ",")] += " " + list + " "
		}
	}
	commands := map[string]options{"application": applicationOptions, "applicationattempt": attemptOptions, "container": containerOptions, "node": nodeOptions,
		"queue": queueOptions, "cluster": clusterOptions, "logs": logsOptions, "top": topOptions}
	for command, os := range commands {
		for _, o := range os {
			if !strings.Contains(rows[command], " -"+o.name+" ") && o.name != "logFiles" { // an old name
				t.Errorf("%s -%s is not listed", command, o.name)
			}
		}
	}
	for name := range adminCommands {
		if !strings.Contains(rows["rmadmin"], " -"+name+" ") {
			t.Errorf("rmadmin -%s is not listed", name)
		}
	}
	for name := range nouns {
		if _, ok := rows[name]; !ok && name != "app" {
			t.Errorf("%s is not listed", name)
		}
	}
}
