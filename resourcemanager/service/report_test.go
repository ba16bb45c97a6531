package service

import (
	"testing"

	"heddle/resourcemanager/core"
	"heddle/resourcemanager/scheduler"
	"heddle/resourcemanager/settings"
	"heddle/yarn"
)

func TestDiagnosticsSayWhatAnApplicationWaitsFor(t *testing.T) {
	waits := func(n int64, r scheduler.Reason) scheduler.Pending {
		return scheduler.Pending{Containers: n, Reason: r}
	}
	for name, tc := range map[string]struct {
		v       core.AppView
		attempt yarn.AttemptState
		want    string
	}{
		"its AM waits":             {core.AppView{State: yarn.AppAccepted, Pending: waits(1, scheduler.AMShare)}, yarn.AttemptScheduled, "The application waits: the queue's share for ApplicationMasters (maximum-am-resource-percent) is used up."},
		"its containers wait":      {core.AppView{State: yarn.AppRunning, Pending: waits(3, scheduler.TooLarge)}, yarn.AttemptRunning, "The application waits for containers (3): no node is large enough, even when empty."},
		"nothing is wanted":        {core.AppView{State: yarn.AppRunning, Pending: waits(0, scheduler.NoNodeFits)}, yarn.AttemptRunning, ""},
		"nothing was skipped":      {core.AppView{State: yarn.AppRunning, Pending: waits(3, scheduler.NotSkipped)}, yarn.AttemptRunning, ""},
		"it has ended":             {core.AppView{State: yarn.AppKilled, Pending: waits(3, scheduler.NoNodeFits)}, yarn.AttemptRunning, ""},
		"its own words come first": {core.AppView{State: yarn.AppRunning, Diagnostics: "busy", Pending: waits(3, scheduler.NoNodeFits)}, yarn.AttemptRunning, "busy"},
		"its AM starts":            {core.AppView{State: yarn.AppAccepted}, yarn.AttemptLaunched, "AM container is launched, waiting for AM container to Register with RM"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.v.Attempts = []core.AttemptView{{State: tc.attempt}}
			if got := Diagnostics(&tc.v); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Where the proxy is a daemon of its own, links to AMs lead through it: their filters let nobody else through.
func TestTrackingURLs(t *testing.T) {
	app := func(unmanaged bool, attempts ...core.AttemptView) *core.AppView {
		return &core.AppView{Submission: core.Submission{ID: yarn.ApplicationID{ClusterTimestamp: 7, ID: 1}, Unmanaged: unmanaged}, Attempts: attempts}
	}
	waiting, running := core.AttemptView{State: yarn.AttemptScheduled}, core.AttemptView{State: yarn.AttemptRunning, TrackingURL: "http://am:80/ui"}
	failed := core.AttemptView{State: yarn.AttemptFailed, TrackingURL: "http://rm:8088/cluster/app/application_7_0001"}
	own, extra := &Service{Settings: &settings.Settings{WebPublic: "rm:8088"}}, &Service{Settings: &settings.Settings{WebPublic: "rm:8088", ProxyPublic: "proxy:9099"}}
	const proxied, alone = "http://rm:8088/proxy/application_7_0001/", "http://proxy:9099/proxy/application_7_0001/"
	for name, c := range map[string]struct {
		s    *Service
		v    *core.AppView
		want string
	}{
		"no attempt": {own, app(false), proxied}, "before its AM": {own, app(false, waiting), proxied}, "an AM": {own, app(false, running), proxied},
		"a failed attempt": {own, app(false, waiting, failed), failed.TrackingURL}, "tried again": {own, app(false, failed, waiting), proxied},
		"unmanaged": {own, app(true, running), "http://am:80/ui"}, "unmanaged, without a page": {own, app(true, waiting), "N/A"},
		"a proxy of its own": {extra, app(false, running), alone},
	} {
		if got := c.s.TrackingURL(c.v); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
