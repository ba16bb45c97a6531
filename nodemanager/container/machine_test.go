package container

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"heddle/yarn"
)

// life is every legal step of a container and where it leads; all other pairs are bugs that are logged.
const life = `
NEW        INIT            LOCALIZING
NEW        KILL            ENDING
NEW        REATTACH        LAUNCHING
NEW        EXITED          ENDING
LOCALIZING LOCALIZED       LAUNCHING
LOCALIZING LOCALIZE_FAILED ENDING
LOCALIZING KILL            KILLING
LAUNCHING  LAUNCHED        RUNNING
LAUNCHING  LAUNCH_FAILED   ENDING
LAUNCHING  KILL            KILLING
LAUNCHING  EXITED          ENDING RELAUNCHING
RUNNING    EXITED          ENDING RELAUNCHING
RUNNING    REINIT          REINITIALIZING
RUNNING    KILL            KILLING
REINITIALIZING EXITED      ENDING RELAUNCHING
REINITIALIZING KILL        KILLING
NEW        RELAUNCH        RELAUNCHING
RELAUNCHING LAUNCHED       RUNNING
RELAUNCHING LAUNCH_FAILED  ENDING
RELAUNCHING KILL           KILLING
KILLING    LOCALIZED       ENDING
KILLING    LOCALIZE_FAILED ENDING
KILLING    LAUNCHED        KILLING
KILLING    LAUNCH_FAILED   ENDING
KILLING    EXITED          ENDING
KILLING    KILL            KILLING
ENDING     INIT            ENDING
ENDING     KILL            ENDING
ENDING     CLEANED         DONE
DONE       INIT            DONE
DONE       KILL            DONE
`

func TestEveryPairOfStateAndEvent(t *testing.T) {
	want := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(life)) {
		f := strings.Fields(line)
		want[f[0]+" "+f[1]] = strings.Join(f[2:], " ")
	}
	got := map[string]string{}
	for _, s := range lifecycle.Steps() {
		got[s.From.String()+" "+s.On.String()] = strings.Trim(fmt.Sprint(s.To), "[]")
	}
	for s := New; s <= Done; s++ {
		for e := evInit; e <= evRelaunch; e++ {
			pair := s.String() + " " + e.String()
			if got[pair] != want[pair] {
				t.Errorf("%s leads to %q, want %q", pair, got[pair], want[pair])
			}
			if want[pair] != "" {
				continue
			}
			var log bytes.Buffer
			c := &Container{ID: yarn.ContainerID{ID: 5}, state: s, mgr: &Manager{cfg: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}}}
			c.fire(e)
			if c.state != s || !strings.Contains(log.String(), fmt.Sprintf("event %v is not legal in state %v", e, s)) {
				t.Errorf("%s: the state is %v, the log %q", pair, c.state, log.String())
			}
		}
	}
}

func TestDiagnosticsKeepTheirEnd(t *testing.T) {
	c := &Container{mgr: &Manager{cfg: Config{MaxDiagnostics: 100, Now: func() time.Time { return time.Time{} }}}}
	c.note(strings.Repeat("x", 300) + "the end")
	if len(c.diagnostics) != 100 || !strings.HasSuffix(c.diagnostics, "the end\n") {
		t.Errorf("%d characters: %q", len(c.diagnostics), c.diagnostics)
	}
}
