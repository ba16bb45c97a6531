package framework

import (
	"errors"
	"fmt"
	"time"

	"heddle/job/rendezvous"
	"heddle/job/status"
	"heddle/jobspec"
	"heddle/statemachine"
	"heddle/yarn"
)

// State is a job's state.
type State int

// States of a job.
const (
	Gathering  State = iota // containers are asked for; agents wait at the barrier
	Running                 // the gang is whole
	Ending                  // the attempt is over; its tasks are being stopped
	BackingOff              // before another attempt
	Completed
)

func (s State) String() string {
	return [...]string{"GATHERING", "RUNNING", "ENDING", "BACKING_OFF", "COMPLETED"}[s]
}

// Event is what can happen to a job.
type Event int

// Events of a job.
const (
	Whole  Event = iota // every task is at the barrier
	Over                // a verdict on this attempt
	Quiet               // no task holds a container any more
	Again               // the pause before another attempt is over
	Killed              // the ApplicationMaster is told to end
)

func (e Event) String() string {
	return [...]string{"WHOLE", "OVER", "QUIET", "AGAIN", "KILLED"}[e]
}

func just(s State) []State { return []State{s} }

// jobs lists every legal step of a job.
var jobs *statemachine.Machine[State, Event, *Job]

func init() { // actions fire steps of tasks: a plain variable would be a cycle
	jobs = statemachine.Compile(statemachine.Table[State, Event, *Job]{
		{From: Gathering, On: Whole, To: just(Running), Action: (*Job).letGo},
		{From: Gathering, On: Over, To: just(Ending), Action: (*Job).stopAll},
		{From: Gathering, On: Killed, To: just(Completed)},
		{From: Running, On: Over, To: just(Ending), Action: (*Job).stopAll},
		{From: Running, On: Killed, To: just(Completed)},
		{From: Ending, On: Quiet, To: []State{BackingOff, Completed}, Action: (*Job).decide},
		{From: Ending, On: Killed, To: just(Completed)},
		{From: BackingOff, On: Again, To: just(Gathering), Action: (*Job).begin},
		{From: BackingOff, On: Killed, To: just(Completed)},
	})
}

// Settings are what a job does not say itself.
type Settings struct {
	GangTimeout time.Duration         // how long a gang that is not whole may hold containers
	StopTimeout time.Duration         // how long stopped containers may take to end
	Jitter      func(max int64) int64 // a random number in [0, max)
}

// Grant is a container that the ResourceManager gave.
type Grant struct {
	ID       yarn.ContainerID
	Priority int32
	Node     yarn.NodeID
	NodeHTTP string
	Token    any // what the driver needs to start it
}

// Orders are what the driver is to do.
type Orders struct {
	Asks    map[int]int // role's position -> containers wanted in all; absolute, as YARN's asks are
	Launch  []Launch
	Stop    []yarn.ContainerID // started ones
	Release []yarn.ContainerID // given back to the ResourceManager
}

// Launch is a container to start for a task.
type Launch struct {
	Grant Grant
	Role  *jobspec.Role
	Index int
}

// Job is one job. It is not safe for concurrent use: the driver's goroutine owns it.
type Job struct {
	spec     *jobspec.Framework
	app      string
	settings Settings

	state       State
	tasks       []*Task
	byContainer map[yarn.ContainerID]*Task
	orders      Orders

	now       time.Time
	started   time.Time
	ended     time.Time
	deadline  time.Time // Gathering: of the gang; Ending: of the stops; BackingOff: its end. Zero: none
	attempt   int
	attemptAt time.Time
	inARow    int // short attempts
	retries   status.Retries
	verdict   *Verdict
	killed    bool
}

// New is a job that has not begun.
func New(spec *jobspec.Framework, application string, s Settings) *Job {
	j := &Job{spec: spec, app: application, settings: s, byContainer: map[yarn.ContainerID]*Task{}}
	for i := range spec.Roles {
		for n := range spec.Roles[i].Instances {
			j.tasks = append(j.tasks, &Task{Role: spec.Roles[i].Name, Index: n})
		}
	}
	return j
}

// Priority is the YARN priority of a role by its position; each role has its own, because asks of one
// priority must be of one size.
func Priority(role int) int32 { return int32(role + 1) }

// Begin asks for the first attempt's containers.
func (j *Job) Begin(now time.Time) {
	j.now, j.started = now, now
	j.begin()
}

func (j *Job) begin() State {
	j.attempt++
	j.attemptAt, j.deadline, j.verdict = j.now, time.Time{}, nil
	j.byContainer = map[yarn.ContainerID]*Task{}
	for _, t := range j.tasks {
		if t.state == TaskCompleted {
			j.fire(t, TaskReset)
		}
		*t = Task{Role: t.Role, Index: t.Index, state: t.state}
		j.fire(t, TaskRequest)
	}
	j.ask()
	return Gathering
}

// ask orders the containers that are wanted now.
func (j *Job) ask() {
	if j.orders.Asks == nil {
		j.orders.Asks = map[int]int{}
	}
	for i := range j.spec.Roles {
		j.orders.Asks[i] = 0
	}
	for _, t := range j.tasks {
		if t.state == TaskRequested {
			j.orders.Asks[j.position(t.Role)]++
		}
	}
}

func (j *Job) position(role string) int {
	for i := range j.spec.Roles {
		if j.spec.Roles[i].Name == role {
			return i
		}
	}
	return -1
}

// Wanted is the asks as they stand, for a ResourceManager that has forgotten them.
func (j *Job) Wanted() map[int]int {
	out := map[int]int{}
	for _, t := range j.tasks {
		if t.state == TaskRequested {
			out[j.position(t.Role)]++
		}
	}
	return out
}

// TakeOrders returns what has been ordered since the last call.
func (j *Job) TakeOrders() Orders {
	o := j.orders
	j.orders = Orders{}
	return o
}

// fire steps a task. An illegal step is a mistake in this package; it must not bring the job down in the
// middle of a training run, so the task stays as it is.
func (j *Job) fire(t *Task, e TaskEvent) bool {
	next, err := tasks.Fire(t.state, e, t)
	if err != nil {
		return false
	}
	t.state = next
	return true
}

func (j *Job) step(e Event) {
	if next, err := jobs.Fire(j.state, e, j); err == nil {
		j.state = next
	}
}

// Granted gives a container to the first task of its role that wants one; a surplus goes back.
func (j *Job) Granted(now time.Time, g Grant) {
	j.now = now
	if p := int(g.Priority) - 1; j.state == Gathering && p >= 0 && p < len(j.spec.Roles) {
		for _, t := range j.tasks {
			if t.Role == j.spec.Roles[p].Name && t.state == TaskRequested && j.fire(t, TaskGrant) {
				t.container, t.grant = g.ID, g
				j.byContainer[g.ID] = t
				j.orders.Launch = append(j.orders.Launch, Launch{g, &j.spec.Roles[p], t.Index})
				j.arm()
				return
			}
		}
	}
	j.orders.Release = append(j.orders.Release, g.ID)
}

// arm starts the gang's time with the first container that it holds: one that holds none is in nobody's way.
func (j *Job) arm() {
	if j.deadline.IsZero() && j.settings.GangTimeout > 0 {
		spread := int64(j.settings.GangTimeout) / 4
		j.deadline = j.now.Add(j.settings.GangTimeout + time.Duration(j.settings.Jitter(spread+1)))
	}
}

// Started notes that a NodeManager has taken a container.
func (j *Job) Started(now time.Time, id yarn.ContainerID) {
	j.now = now
	if t := j.byContainer[id]; t != nil {
		j.fire(t, TaskStarted)
	}
}

// StartFailed notes that a container was not started; another try may be free when the node did not answer.
func (j *Job) StartFailed(now time.Time, id yarn.ContainerID, reason string, transient bool) {
	j.now = now
	t := j.byContainer[id]
	if t == nil {
		return
	}
	j.orders.Release = append(j.orders.Release, id)
	e := Exit{CodeStartFailed, NonTransient, reason}
	if transient {
		e.Class = Transient
	}
	j.end(t, e)
}

// Find is the task of a container that is in use.
func (j *Job) Find(id yarn.ContainerID) (role string, index int, ok bool) {
	t := j.byContainer[id]
	if t == nil || !t.live() || t.state == TaskStopping {
		return "", 0, false
	}
	return t.Role, t.Index, true
}

// AtGate notes where a task's agent is.
func (j *Job) AtGate(now time.Time, id yarn.ContainerID, r rendezvous.Ready) error {
	j.now = now
	t := j.byContainer[id]
	if t != nil && t.state == TaskRunning {
		return nil // it asks again after a lost answer
	}
	if t == nil || j.state != Gathering || !j.fire(t, TaskAtGate) {
		return errors.New("the job does not wait for this container (any more)")
	}
	t.place = rendezvous.Place{Role: t.Role, Index: t.Index, Host: r.Host, Ports: r.Ports}
	for _, t := range j.tasks {
		if t.state != TaskReady {
			return nil
		}
	}
	j.step(Whole)
	return nil
}

func (j *Job) letGo() State {
	j.deadline = time.Time{}
	for _, t := range j.tasks {
		if j.fire(t, TaskGo) {
			t.started = j.now
		}
	}
	return Running
}

// Places is the roster, once the gang is whole.
func (j *Job) Places() (places []rendezvous.Place, whole bool) {
	if j.state != Running {
		return nil, false
	}
	for _, t := range j.tasks {
		places = append(places, t.place)
	}
	return places, true
}

// Reported keeps an agent's word on how its command ended; the container's end follows.
func (j *Job) Reported(now time.Time, id yarn.ContainerID, e rendezvous.Exit) {
	j.now = now
	if t := j.byContainer[id]; t != nil && t.report == nil {
		t.report = &e
	}
}

// ContainerEnded takes a container's end from the ResourceManager.
func (j *Job) ContainerEnded(now time.Time, id yarn.ContainerID, s yarn.ExitStatus, diagnostics string) {
	j.now = now
	if t := j.byContainer[id]; t != nil {
		j.end(t, exitOf(s, diagnostics, t.report))
	}
}

func (j *Job) end(t *Task, e Exit) {
	t.stopped = t.state == TaskStopping && t.report == nil // with a report it had ended by itself before
	if !j.fire(t, TaskContainerEnd) {
		return
	}
	t.exit, t.ended = &e, j.now
	if t.stopped {
		t.exit.Reason = "stopped with the job"
	}
	switch j.state {
	case Gathering: // this gang cannot become whole
		if e.Code == 0 {
			e = Exit{CodeStartFailed, Unknown, "the task ended before it began"}
		}
		j.finish(&Verdict{Exit: e, Role: t.Role, Index: t.Index})
	case Running:
		if v := j.judge(t); v != nil {
			j.finish(v)
		}
	case Ending:
		j.settle()
	}
}

func (j *Job) judge(last *Task) *Verdict {
	var c count
	all := true
	for _, t := range j.tasks {
		if t.state != TaskCompleted {
			all = false
			continue
		}
		if t.Role != last.Role {
			continue
		}
		if t.exit.Code == 0 {
			c.succeeded++
		} else {
			c.failed++
		}
	}
	return judge(&j.spec.Roles[j.position(last.Role)], c, last, all)
}

// Fail ends the job for a reason that no other attempt would mend.
func (j *Job) Fail(now time.Time, code int, reason string) {
	j.now = now
	j.finish(&Verdict{Exit: Exit{code, NonTransient, reason}})
}

func (j *Job) finish(v *Verdict) {
	if j.state != Gathering && j.state != Running {
		return
	}
	j.verdict = v
	j.step(Over)
	j.settle()
}

func (j *Job) stopAll() State {
	j.deadline = j.now.Add(j.settings.StopTimeout)
	for _, t := range j.tasks {
		switch {
		case t.live():
			j.orders.Stop = append(j.orders.Stop, t.container)
			j.fire(t, TaskStop)
		case t.state != TaskCompleted:
			j.fire(t, TaskStop)
			t.stopped, t.ended = true, j.now
		}
	}
	j.ask()
	return Ending
}

// settle goes on when every container of the attempt has ended.
func (j *Job) settle() {
	for _, t := range j.tasks {
		if t.state != TaskCompleted {
			return
		}
	}
	j.step(Quiet)
}

// decide is what follows an attempt.
func (j *Job) decide() State {
	j.deadline = time.Time{}
	if j.now.Sub(j.attemptAt) > 10*lastPause {
		j.inARow = 0
	}
	wait := time.Duration(0)
	switch retry(j.spec.RetryCount, j.verdict.Exit, j.retries.User) {
	case byUser:
		j.retries.User++
		wait = pause(j.inARow, firstPause, lastPause)
	case byPlatform:
		j.retries.Platform++
		wait = pause(j.inARow, firstPause, lastPause)
	case byResource:
		j.retries.Resource++
		longest := pause(j.inARow, firstConflict, lastConflict)
		wait = firstPause + time.Duration(j.settings.Jitter(int64(longest)))
	default:
		j.ended = j.now
		return Completed
	}
	j.inARow++
	j.deadline = j.now.Add(wait)
	return BackingOff
}

// Kill ends the job because its ApplicationMaster must.
func (j *Job) Kill(now time.Time) {
	j.now, j.ended = now, now
	if j.state != Completed {
		j.killed = true
		j.step(Killed)
	}
}

// Tick lets time pass.
func (j *Job) Tick(now time.Time) {
	j.now = now
	if j.deadline.IsZero() || now.Before(j.deadline) {
		return
	}
	switch j.state {
	case Gathering:
		held := 0
		for _, t := range j.tasks {
			if t.live() {
				held++
			}
		}
		if held == 0 {
			j.deadline = time.Time{}
			return
		}
		j.finish(&Verdict{Exit: Exit{CodeGangTimeout, Conflict, fmt.Sprintf("%d of %d containers were granted in time; they were given back for others", held, len(j.tasks))}})
	case Ending: // a node that does not answer must not hold the job
		for _, t := range j.tasks {
			if t.live() {
				j.orders.Release = append(j.orders.Release, t.container)
				t.stopped = true
				j.fire(t, TaskContainerEnd)
				t.exit, t.ended = &Exit{int(yarn.ExitKilledByAppMaster), Transient, "stopped with the job; its node did not confirm"}, now
			}
		}
		j.settle()
	case BackingOff:
		j.step(Again)
	}
}

// State is the job's state.
func (j *Job) State() State { return j.state }

// Next is when Tick has something to do; zero: nothing is planned.
func (j *Job) Next() time.Time { return j.deadline }

// Verdict is how the job ended; nil before.
func (j *Job) Verdict() *Verdict {
	if j.state != Completed {
		return nil
	}
	return j.verdict
}

// Node is where a container is that the job uses.
func (j *Job) Node(id yarn.ContainerID) (yarn.NodeID, bool) {
	t := j.byContainer[id]
	if t == nil {
		return yarn.NodeID{}, false
	}
	return t.grant.Node, true
}
