package compatibility

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"heddle/hadoop/conf/keys"
)

var update = flag.Bool("update", false, "write the configuration keys of docs/compatibility.md anew")

const keysHeading = "# Configuration keys\n"

const keysIntroduction = keysHeading + `
What becomes of each key of Hadoop's default files (2.10.2 to 3.5.0), of ` + "`capacity-scheduler.xml`" + ` and of the smaller files; a star stands for
anything, and of several rows that fit a key the most literal holds. **honoured**: means what it means in Hadoop. **refused**: the daemons do
not start with other values than the row says. **later**: not built, without effect, and daemons warn of it at the start. **ignored**: without
effect and harmless. ` + "`heddle conf check DIR`" + ` says the same of one configuration, and whether both daemons would start with it.
`

// The document's list of keys is the table that the daemons and heddle conf check use.
func TestConfigurationKeysAreThoseOfTheTable(t *testing.T) {
	var want strings.Builder
	want.WriteString(keysIntroduction)
	section := ""
	for _, k := range keys.All() {
		if k.Section != section {
			section = k.Section
			fmt.Fprintf(&want, "\n## Keys: %s\n\n| key | state | |\n| --- | --- | --- |\n", section)
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", k.Name, k.Verdict, k.Why)
	}
	file := filepath.Join(root, "docs/compatibility.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, has, _ := bytes.Cut(b, []byte(keysHeading))
	if has = append([]byte(keysHeading), has...); string(has) == want.String() {
		return
	}
	if !*update {
		t.Fatal("the list of docs/compatibility.md is not that of hadoop/conf/keys: go test ./test/compatibility -update writes it")
	}
	if err := os.WriteFile(file, append(before, want.String()...), 0o644); err != nil {
		t.Fatal(err)
	}
}
