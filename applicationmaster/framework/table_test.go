package framework

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"heddle/job/rendezvous"
	"heddle/jobspec"
	"heddle/statemachine"
	"heddle/yarn"
)

// legalTasks is every legal step of a task, written down a second time as a check on the table.
var legalTasks = []string{
	"TASK_WAITING REQUEST CONTAINER_REQUESTED", "TASK_WAITING STOP TASK_COMPLETED",
	"CONTAINER_REQUESTED GRANT CONTAINER_ALLOCATED", "CONTAINER_REQUESTED STOP TASK_COMPLETED",
	"CONTAINER_ALLOCATED STARTED CONTAINER_LAUNCHED", "CONTAINER_ALLOCATED AT_GATE CONTAINER_READY", "CONTAINER_ALLOCATED STOP CONTAINER_STOPPING", "CONTAINER_ALLOCATED CONTAINER_END TASK_COMPLETED",
	"CONTAINER_LAUNCHED AT_GATE CONTAINER_READY", "CONTAINER_LAUNCHED STOP CONTAINER_STOPPING", "CONTAINER_LAUNCHED CONTAINER_END TASK_COMPLETED",
	"CONTAINER_READY STARTED CONTAINER_READY", "CONTAINER_READY AT_GATE CONTAINER_READY", "CONTAINER_READY GO CONTAINER_RUNNING", "CONTAINER_READY STOP CONTAINER_STOPPING", "CONTAINER_READY CONTAINER_END TASK_COMPLETED",
	"CONTAINER_RUNNING STARTED CONTAINER_RUNNING", "CONTAINER_RUNNING STOP CONTAINER_STOPPING", "CONTAINER_RUNNING CONTAINER_END TASK_COMPLETED",
	"CONTAINER_STOPPING STARTED CONTAINER_STOPPING", "CONTAINER_STOPPING CONTAINER_END TASK_COMPLETED",
	"TASK_COMPLETED RESET TASK_WAITING",
}

func TestEveryPairOfATasksTable(t *testing.T) {
	var got []string
	for s := TaskWaiting; s <= TaskCompleted; s++ {
		for e := TaskRequest; e <= TaskReset; e++ {
			next, err := tasks.Fire(s, e, &Task{})
			var invalid *statemachine.InvalidStep
			switch {
			case err == nil:
				got = append(got, fmt.Sprintf("%s %s %s", s, e, next))
			case !errors.As(err, &invalid) || next != s:
				t.Errorf("%s on %s: %v, %v", s, e, next, err)
			}
		}
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(legalTasks))
	if !slices.Equal(got, want) {
		t.Errorf("legal steps are\n%v\nwant\n%v", got, want)
	}
}

func TestEveryPairOfAJobsTable(t *testing.T) {
	legal := map[string]bool{
		"GATHERING WHOLE": true, "GATHERING OVER": true, "GATHERING KILLED": true, "RUNNING OVER": true, "RUNNING KILLED": true,
		"ENDING QUIET": true, "ENDING KILLED": true, "BACKING_OFF AGAIN": true, "BACKING_OFF KILLED": true,
	}
	for s := Gathering; s <= Completed; s++ {
		for e := Whole; e <= Killed; e++ {
			pair := fmt.Sprintf("%s %s", s, e)
			if jobs.Legal(s, e) != legal[pair] {
				t.Errorf("%s: legal is %v", pair, !legal[pair])
			}
		}
	}
}

// Whatever comes in whatever order, the job's books stay right: no container is held twice or forgotten, asks
// match the tasks that want one, and in the end it ends.
func TestRandomStories(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		spec := &jobspec.Framework{Name: "job", RetryCount: r.IntN(4) - 1}
		for i := range 1 + r.IntN(3) {
			spec.Roles = append(spec.Roles, role(fmt.Sprintf("r%d", i), 1+r.IntN(3), r.IntN(2), r.IntN(2)))
		}
		j := New(spec, "a", Settings{GangTimeout: time.Minute, StopTimeout: time.Second, Jitter: func(n int64) int64 { return r.Int64N(n) }})
		now := time.UnixMilli(0)
		j.Begin(now)
		asked, held, next := map[int]int{}, map[yarn.ContainerID]bool{}, int64(0)
		for step := range 400 {
			o := j.TakeOrders()
			for role, n := range o.Asks {
				asked[role] = n
			}
			for _, id := range o.Release {
				delete(held, id)
			}
			if j.State() == Completed {
				break
			}
			now = now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
			id := container(1 + r.Int64N(next+1))
			switch r.IntN(8) {
			case 0, 1:
				role := r.IntN(len(spec.Roles))
				if asked[role] > 0 {
					asked[role]--
					next++
					held[container(next)] = true
					j.Granted(now, Grant{ID: container(next), Priority: Priority(role)})
				}
			case 2:
				j.Started(now, id)
			case 3, 4:
				_ = j.AtGate(now, id, rendezvous.Ready{Host: "h"}) // may be refused
			case 5:
				j.Reported(now, id, rendezvous.Exit{Code: r.IntN(2)})
			case 6:
				if held[id] && r.IntN(3) == 0 {
					delete(held, id)
					j.ContainerEnded(now, id, yarn.ExitStatus([]int{0, 1, -100, -105}[r.IntN(4)]), "")
				}
			case 7:
				j.Tick(now)
			}
			check(t, j, held, seed, step)
		}
		j.Kill(now)
		if j.State() != Completed {
			t.Fatalf("seed %d: it does not end", seed)
		}
	}
}

func check(t *testing.T, j *Job, held map[yarn.ContainerID]bool, seed uint64, step int) {
	t.Helper()
	seen := map[yarn.ContainerID]bool{}
	for _, task := range j.tasks {
		if !task.live() {
			continue
		}
		if seen[task.container] || !held[task.container] {
			t.Fatalf("seed %d, step %d: %s-%d is %s with container %s, twice: %v, held: %v", seed, step, task.Role, task.Index, task.state, task.container, seen[task.container], held[task.container])
		}
		seen[task.container] = true
	}
	if _, whole := j.Places(); whole != (j.State() == Running) {
		t.Fatalf("seed %d, step %d: a roster in state %s", seed, step, j.State())
	}
}
