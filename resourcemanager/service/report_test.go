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

// Where the proxy is a daemon of its own, links to AMs lead through it: their filters let nobody else through.
func TestTrackingURLs(t *testing.T) {
	app := core.AppView{Submission: core.Submission{ID: yarn.ApplicationID{ClusterTimestamp: 7, ID: 1}}}
	running := app
	running.OriginalURL = "http://am:80/ui"
	alone := running
	alone.Unmanaged = true
	own, extra := &Service{Settings: &settings.Settings{WebPublic: "rm:8088"}}, &Service{Settings: &settings.Settings{WebPublic: "rm:8088", ProxyPublic: "proxy:9099"}}
	for _, c := range []struct {
		s    *Service
		v    *core.AppView
		want string
	}{
		{own, &app, "http://rm:8088/cluster/app/application_7_0001"}, {own, &running, "http://rm:8088/proxy/application_7_0001/"}, {own, &alone, "http://am:80/ui"},
		{extra, &app, "http://rm:8088/cluster/app/application_7_0001"}, {extra, &running, "http://proxy:9099/proxy/application_7_0001/"},
	} {
		if got := c.s.TrackingURL(c.v); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
