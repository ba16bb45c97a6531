package core

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

// The tables as a reader of the documentation sees them: state, event, the states after it.
// Every pair that is not here must be refused, logged with both names, and change nothing.
const appTable = `
NEW          submit                NEW_SAVING
NEW_SAVING   saved                 ACCEPTED FINAL_SAVING
NEW_SAVING   refused               FAILED
NEW_SAVING   kill                  FINAL_SAVING
ACCEPTED     attempt registered    RUNNING
ACCEPTED     attempt failed        ACCEPTED FINAL_SAVING
ACCEPTED     kill                  KILLING FINAL_SAVING
RUNNING      attempt unregistered  FINAL_SAVING
RUNNING      attempt failed        ACCEPTED FINAL_SAVING
RUNNING      kill                  KILLING FINAL_SAVING
FINAL_SAVING saved                 FINAL_SAVING
FINAL_SAVING attempt finished      FINAL_SAVING
FINAL_SAVING attempt killed        FINAL_SAVING
FINAL_SAVING kill                  FINAL_SAVING
FINAL_SAVING final state saved     FINISHING FINISHED FAILED KILLED
FINISHING    attempt finished      FINISHED
FINISHING    kill                  FINISHING
FINISHED     kill                  FINISHED
FAILED       saved                 FAILED
FAILED       kill                  FAILED
KILLING      attempt killed        FINAL_SAVING
KILLING      kill                  KILLING
KILLED       saved                 KILLED
KILLED       kill                  KILLED`

const attemptTable = `
SCHEDULED                 AM container granted  ALLOCATED_SAVING
SCHEDULED                 kill                  KILLED
SCHEDULED                 fail                  FAILED
ALLOCATED_SAVING          saved                 ALLOCATED FAILED
ALLOCATED_SAVING          AM container finished FAILED
ALLOCATED_SAVING          kill                  KILLED
ALLOCATED_SAVING          fail                  FAILED
ALLOCATED                 launched              LAUNCHED
ALLOCATED                 launch failed         FAILED
ALLOCATED                 registered            RUNNING
ALLOCATED                 AM container finished FAILED
ALLOCATED                 kill                  KILLED
ALLOCATED                 fail                  FAILED
LAUNCHED_UNMANAGED_SAVING saved                 LAUNCHED FAILED
LAUNCHED_UNMANAGED_SAVING kill                  KILLED
LAUNCHED_UNMANAGED_SAVING fail                  FAILED
LAUNCHED                  registered            RUNNING
LAUNCHED                  AM container finished FAILED
LAUNCHED                  expired               FAILED
LAUNCHED                  kill                  KILLED
LAUNCHED                  fail                  FAILED
RUNNING                   launched              RUNNING
RUNNING                   registered            RUNNING
RUNNING                   unregistered          FINISHING FINISHED
RUNNING                   AM container finished FAILED
RUNNING                   expired               FAILED
RUNNING                   kill                  KILLED
RUNNING                   fail                  FAILED
FINISHING                 launched              FINISHING
FINISHING                 AM container finished FINISHED
FINISHING                 expired               FINISHED
FINISHING                 kill                  FINISHED
FINISHED                  launched              FINISHED
FINISHED                  AM container finished FINISHED
FINISHED                  kill                  FINISHED
FAILED                    saved                 FAILED
FAILED                    launched              FAILED
FAILED                    launch failed         FAILED
FAILED                    AM container finished FAILED
KILLED                    saved                 KILLED
KILLED                    launched              KILLED
KILLED                    launch failed         KILLED
KILLED                    AM container finished KILLED
KILLED                    kill                  KILLED`

const nodeTable = `
NEW            registered RUNNING
RUNNING        registered RUNNING
RUNNING        healthy    RUNNING
RUNNING        unhealthy  UNHEALTHY
RUNNING        expired    LOST
RUNNING        shut down  SHUTDOWN
RUNNING        excluded   DECOMMISSIONED
UNHEALTHY      registered RUNNING
UNHEALTHY      healthy    RUNNING
UNHEALTHY      unhealthy  UNHEALTHY
UNHEALTHY      expired    LOST
UNHEALTHY      shut down  SHUTDOWN
UNHEALTHY      excluded   DECOMMISSIONED
DECOMMISSIONED registered RUNNING
LOST           registered RUNNING
SHUTDOWN       registered RUNNING
RUNNING         excluded gracefully DECOMMISSIONING
UNHEALTHY       excluded gracefully DECOMMISSIONING
DECOMMISSIONING excluded gracefully DECOMMISSIONING
DECOMMISSIONING registered          DECOMMISSIONING
DECOMMISSIONING healthy             DECOMMISSIONING
DECOMMISSIONING unhealthy           DECOMMISSIONING
DECOMMISSIONING admitted again      RUNNING UNHEALTHY
DECOMMISSIONING excluded            DECOMMISSIONED
DECOMMISSIONING expired             LOST
DECOMMISSIONING shut down           DECOMMISSIONED`

const containerTable = `
ALLOCATED started  RUNNING
ALLOCATED finished COMPLETED
ALLOCATED released RELEASED
ALLOCATED expired  EXPIRED
ALLOCATED killed   KILLED
RUNNING   started  RUNNING
RUNNING   finished COMPLETED
RUNNING   released RELEASED
RUNNING   killed   KILLED`

// walk tries every pair of a machine: fire arranges the state, fires the event and returns
// the state afterwards with what was logged.
func walk[S, E fmt.Stringer](t *testing.T, table string, states []S, events []E, fire func(S, E) (after S, log string)) {
	t.Helper()
	rows := 0
	for _, s := range states {
		for _, e := range events {
			want := row(table, s.String(), e.String())
			after, log := fire(s, e)
			refused := strings.Contains(log, fmt.Sprintf("event %v is not legal in state %v", e, s))
			if want == nil {
				if after.String() != s.String() || !refused {
					t.Errorf("%v on %v: went to %v, logged %q; want no change, and a log line with both names", s, e, after, log)
				}
				continue
			}
			rows++
			if !slices.Contains(want, after.String()) || refused {
				t.Errorf("%v on %v: went to %v, want %v; logged %q", s, e, after, want, log)
			}
		}
	}
	if n := strings.Count(strings.TrimSpace(table), "\n") + 1; n != rows {
		t.Errorf("the table has %d rows, %d were tried", n, rows)
	}
}

func row(table, state, event string) []string {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		rest, ok := strings.CutPrefix(line, state+" ")
		if !ok {
			continue
		}
		if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), event+" "); ok && !strings.HasPrefix(rest, "gracefully ") {
			return strings.Fields(rest)
		}
	}
	return nil
}

// upTo is the values from a to z.
func upTo[T ~int | ~int32](a, z T) (out []T) {
	for ; a <= z; a++ {
		out = append(out, a)
	}
	return out
}

// bench is a core that no goroutine runs: the test fires events itself.
func bench(t *testing.T) (*Core, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	d := &disk{apps: map[yarn.ApplicationID]AppRecord{}, attempts: map[yarn.AttemptID]AttemptRecord{}, hold: true}
	c := New(Config{ClusterTimestamp: 1, MaxAttempts: 2, MaxCompleted: 10, AllocationExpiry: time.Minute}, newScheduler(t, 0), d, &launches{hold: true},
		func() time.Time { return time.UnixMilli(1_000_000) }, slog.New(slog.NewTextHandler(log, nil)))
	c.registerNode(NodeRegistration{ID: benchNode, Rack: "/default-rack", Total: yarn.NewResource(8192, 8)})
	log.Reset()
	return c, log
}

var benchNode = yarn.NodeID{Host: "n1", Port: 1}

// benchApp is an application with an attempt in the given states, with the AM's container
// where such an attempt has one.
func benchApp(t *testing.T, c *Core, state appState, of attemptState) (*application, *attempt) {
	t.Helper()
	sub := Submission{ID: yarn.ApplicationID{ClusterTimestamp: 1, ID: 1}, User: "alice", Queue: "default", FailureValidity: -1,
		AM: []scheduler.Request{{Name: scheduler.Any, Capability: yarn.NewResource(1024, 1), Count: 1, Relax: true}}}
	sub.Unmanaged = of == attemptUnmanagedSaving
	a := c.newApplication(sub, "root.default")
	if state == appNew || state == appNewSaving {
		a.state = state
		return a, nil
	}
	if err := c.sched.AddApp(scheduler.AppSpec{ID: sub.ID, Queue: "root.default", User: "alice", AM: c.sched.Minimum()}); err != nil {
		t.Fatal(err)
	}
	a.inSched, a.state, a.shown, a.target = true, state, yarn.AppRunning, appFinished
	a.newAttempt()
	if of != attemptScheduled && of != attemptUnmanagedSaving {
		c.place()
		if a.current.am == nil {
			t.Fatal("the AM got no container")
		}
	}
	a.state, a.current.state = state, of
	return a, a.current
}

func TestApplicationTable(t *testing.T) {
	walk(t, appTable, upTo(appNew, appKilled), upTo(appSubmit, appFinalSaved), func(s appState, e appEvent) (appState, string) {
		c, log := bench(t)
		a, current := benchApp(t, c, s, attemptLaunched)
		log.Reset()
		c.fireApp(a, e, appStep{attempt: current, text: "a reason", err: errors.New("a reason")})
		return a.state, log.String()
	})
}

func TestAttemptTable(t *testing.T) {
	walk(t, attemptTable, upTo(attemptScheduled, attemptKilled), upTo(attemptGranted, attemptFail), func(s attemptState, e attemptEvent) (attemptState, string) {
		c, log := bench(t)
		_, current := benchApp(t, c, appRunning, s)
		log.Reset()
		grant := Grant{ID: yarn.ContainerID{Attempt: current.id, ID: 1}, Node: benchNode}
		c.fireAttempt(current, e, attemptNews{grant: &grant, text: "a reason", err: map[bool]error{true: errors.New("a reason")}[e == attemptLaunchFailed]})
		return current.state, log.String()
	})
}

func TestNodeTable(t *testing.T) {
	walk(t, nodeTable, upTo(yarn.NodeNew, yarn.NodeShutdown), upTo(nodeRegister, nodeAdmit), func(s yarn.NodeState, e nodeEvent) (yarn.NodeState, string) {
		c, log := bench(t)
		n := c.nodes[benchNode]
		n.state = s
		c.fireNode(n, e)
		return n.state, log.String()
	})
}

func TestContainerTable(t *testing.T) {
	walk(t, containerTable, upTo(containerAllocated, containerKilled), upTo(containerStart, containerKill), func(s containerState, e containerEvent) (containerState, string) {
		c, log := bench(t)
		a, _ := benchApp(t, c, appRunning, attemptRunning)
		id := yarn.ContainerID{Attempt: a.current.id, ID: 99}
		k := &container{id: id, app: a, node: benchNode, state: s}
		c.hold(k)
		log.Reset()
		if e == containerStart {
			c.containerStarted(id)
		} else {
			c.endContainer(k, e, 0, "")
		}
		return k.state, log.String()
	})
}

// An event that an action raises waits until the action's own step is complete.
func TestEventsOfActionsWaitForTheirStep(t *testing.T) {
	c, _ := bench(t)
	var order []string
	c.fire(func() {
		c.fire(func() { order = append(order, "raised") })
		order = append(order, "raising")
	})
	if !slices.Equal(order, []string{"raising", "raised"}) {
		t.Errorf("%v", order)
	}
}

// The diagrams of the documentation come from the same tables.
func TestDiagramsNameEveryStep(t *testing.T) {
	for _, c := range []struct{ diagram, table string }{
		{appMachine.Mermaid(), appTable}, {attemptMachine.Mermaid(), attemptTable}, {nodeMachine.Mermaid(), nodeTable}, {containerMachine.Mermaid(), containerTable},
	} {
		if got, want := strings.Count(c.diagram, "-->"), strings.Count(strings.TrimSpace(c.table), "\n")+1; got < want {
			t.Errorf("a diagram has %d arrows, its table %d rows:\n%s", got, want, c.diagram)
		}
	}
}
