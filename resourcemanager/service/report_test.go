package service

import (
	"testing"

	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/yarn"
)

func TestDiagnosticsSayWhatAnApplicationWaitsFor(t *testing.T) {
	waits := func(n int64, r scheduler.Reason) scheduler.Pending {
		return scheduler.Pending{Containers: n, Reason: r}
	}
	for name, tc := range map[string]struct {
		v    core.AppView
		want string
	}{
		"its AM waits":             {core.AppView{State: yarn.AppAccepted, Pending: waits(1, scheduler.AMShare)}, "The application waits: the queue's share for ApplicationMasters (maximum-am-resource-percent) is used up."},
		"its containers wait":      {core.AppView{State: yarn.AppRunning, Pending: waits(3, scheduler.TooLarge)}, "The application waits for containers (3): no node is large enough, even when empty."},
		"nothing is wanted":        {core.AppView{State: yarn.AppRunning, Pending: waits(0, scheduler.NoNodeFits)}, ""},
		"nothing was skipped":      {core.AppView{State: yarn.AppRunning, Pending: waits(3, scheduler.NotSkipped)}, ""},
		"it has ended":             {core.AppView{State: yarn.AppKilled, Pending: waits(3, scheduler.NoNodeFits)}, ""},
		"its own words come first": {core.AppView{State: yarn.AppRunning, Diagnostics: "busy", Pending: waits(3, scheduler.NoNodeFits)}, "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Diagnostics(&tc.v); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
