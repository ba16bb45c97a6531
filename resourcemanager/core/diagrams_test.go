package core

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/state-machines.md")

// docs/state-machines.md shows the tables as they are: go test ./resourcemanager/core -run Documented -update
func TestMachinesAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("# State machines of the ResourceManager\n\nMade from the tables in `resourcemanager/core` by its tests (`-update`). Any other event is refused, logged, and changes nothing.\n")
	for _, m := range []struct{ name, what, diagram string }{
		{"Application", "While a final state is being saved or a kill is under way, clients see the state before.", appMachine.Mermaid()},
		{"Attempt", "An attempt is launched, and its AMRM token good, only after its record is on disk.", attemptMachine.Mermaid()},
		{"Container", "Only the first end counts.", containerMachine.Mermaid()},
		{"Node", "A node that comes back registers again.", nodeMachine.Mermaid()},
	} {
		b.WriteString("\n## " + m.name + "\n\n" + m.what + "\n\n```mermaid\n" + m.diagram + "```\n")
	}
	const path = "../../docs/state-machines.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the tables say; run this test with -update", path)
	}
}
