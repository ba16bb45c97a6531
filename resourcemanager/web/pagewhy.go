package web

import (
	"strconv"
	"strings"

	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/service"
	"heddle/yarn"
)

// why says in plain words what an application waits for, and the figures behind it. It is empty where it waits for nothing.
func (w *Web) why(view *core.View, v *core.AppView) []string {
	switch v.State {
	case yarn.AppNew, yarn.AppNewSaving, yarn.AppSubmitted:
		return []string{"The ResourceManager is writing the application down; it starts once that is on disk."}
	case yarn.AppAccepted, yarn.AppRunning:
	default:
		return nil
	}
	said := service.Diagnostics(v)
	if v.Pending.Reason == scheduler.NotSkipped {
		if v.State == yarn.AppAccepted && len(v.Attempts) > 0 {
			return waitsForAM(v, &v.Attempts[len(v.Attempts)-1])
		}
		return nil
	}
	return append([]string{said}, w.figures(view, v)...)
}

// waitsForAM is where an accepted application's attempt is.
func waitsForAM(v *core.AppView, t *core.AttemptView) []string {
	switch t.State {
	case yarn.AttemptScheduled:
		if v.Pending.Containers == 0 { // others' eyes, or not yet asked
			return nil
		}
		return []string{"The application waits for a container for its ApplicationMaster."}
	case yarn.AttemptAllocatedSaving, yarn.AttemptAllocated:
		return []string{"The ApplicationMaster has a container on " + t.AM.Node.String() + "; the node is being told to start it."}
	case yarn.AttemptLaunched:
		if v.Unmanaged {
			return []string{"The application waits for its ApplicationMaster, which runs outside the cluster, to register."}
		}
		return []string{"The ApplicationMaster was started on " + t.AM.Node.String() + " and has not registered yet; its logs there tell what it does."}
	}
	return nil
}

// figures are the numbers of the limit that keeps an application waiting.
func (w *Web) figures(view *core.View, v *core.AppView) (out []string) {
	if n := v.Pending.Containers; n > 0 {
		out = append(out, "It wants "+strconv.FormatInt(n, 10)+" more containers, in all "+w.amount(v.Pending.Resource)+".")
	}
	of := func(what string, used, limit yarn.Resource) {
		out = append(out, what+" "+w.amount(used)+" of at most "+w.amount(limit)+".")
	}
	for i := range view.Queues {
		q := &view.Queues[i]
		here := q.Path == v.QueuePath
		if !here && !strings.HasPrefix(v.QueuePath, q.Path+".") {
			continue
		}
		switch v.Pending.Reason {
		case scheduler.QueueMaximum:
			of("Queue "+q.Path+" uses", q.Used, q.Maximum)
		case scheduler.AMShare:
			if here {
				of("The ApplicationMasters in "+q.Path+" use", q.AMUsed, q.AMLimit)
			}
		case scheduler.UserAMShare, scheduler.UserLimit:
			for _, u := range q.Users {
				if u.Name != v.User {
					continue
				}
				if v.Pending.Reason == scheduler.UserLimit {
					of(u.Name+" uses", u.Used, q.UserLimit)
				} else {
					of(u.Name+"'s ApplicationMasters use", u.AMUsed, q.UserAMLimit)
				}
			}
		}
	}
	switch v.Pending.Reason {
	case scheduler.NoNodeFits, scheduler.TooLarge, scheduler.GangNotWhole, scheduler.Blacklisted, scheduler.AMFailedThere:
		out = append(out, w.roomOnNodes(view)...)
	}
	if v.Pending.Reserved != (yarn.NodeID{}) {
		out = append(out, "Node "+v.Pending.Reserved.String()+" is held back for it until "+w.amount(v.Pending.Held)+" are free there.")
	}
	return out
}

// roomOnNodes is how large the nodes are, and how much of them is free.
func (w *Web) roomOnNodes(view *core.View) []string {
	var largest, free yarn.Resource
	nodes := 0
	for _, n := range view.Nodes.All() {
		if n.State != yarn.NodeRunning {
			continue
		}
		nodes++
		largest, free = largest.Max(n.Total), free.Max(n.Total.Sub(n.Used))
	}
	if nodes == 0 {
		return []string{"There is no node that takes containers."}
	}
	return []string{"Of " + strconv.Itoa(nodes) + " nodes the largest has " + w.amount(largest) + "; at most " + w.amount(free) + " are free on one."}
}
