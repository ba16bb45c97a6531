//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heddle/test/cluster"
)

// A store that one kind of ResourceManager wrote is taken over by the other, and back: with an application that
// has ended, and with one whose containers run all the while and which then ends well.
func TestEachKindGoesOnFromTheOthersStore(t *testing.T) {
	for name, tc := range map[string]struct {
		uri   string
		kinds []cluster.Kind
	}{
		"file": {"", []cluster.Kind{cluster.Java, cluster.Heddle, cluster.Java}},
		"hdfs": {shared.hdfs.URI() + "/rm-store", []cluster.Kind{cluster.Heddle, cluster.Java, cluster.Heddle}},
	} {
		t.Run(name, func(t *testing.T) {
			o := shared.options("store-"+name, tc.kinds[0], shared.nm)
			o.Site = map[string]string{"yarn.resourcemanager.work-preserving-recovery.enabled": "true"}
			if tc.uri != "" {
				o.Site["yarn.resourcemanager.fs.state-store.uri"] = tc.uri
			}
			c, err := cluster.Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Stop()
			goesOn(t, c, tc.kinds[1:])
		})
	}
}

type storedApp struct {
	State, FinalStatus, User, Queue string
	RunningContainers               int
	FinishedTime, StartedTime       int64
}

func goesOn(t *testing.T, c *cluster.Cluster, kinds []cluster.Kind) {
	t.Helper()
	ctx := limited(t, 4*time.Minute)
	get := func(id string) (storedApp, error) {
		var a struct{ App storedApp }
		err := c.GetJSON("/ws/v1/cluster/apps/"+id, &a)
		return a.App, err
	}
	first, err := c.Shell(ctx, "", "-shell_command", "true", "-num_containers", "1", "-container_memory", "256", "-master_memory", "300", "-queue", "batch")
	ranWell(t, first, err, "Application completed successfully")
	ended := applicationID.FindString(first.Out)
	var before storedApp
	until(t, 20*time.Second, "the end of "+ended, func() (err error) {
		before, err = get(ended)
		if err == nil && (before.State != "FINISHED" || before.RunningContainers > 0) {
			err = fmt.Errorf("it is %+v", before)
		}
		return err
	})
	before.RunningContainers = 0

	gate := filepath.Join(c.Dir(), "gate")
	type result struct {
		run cluster.Run
		err error
	}
	done := make(chan result, 1)
	go func() {
		run, err := c.Shell(ctx, "", "-shell_command", "while [ ! -e "+gate+" ]; do sleep 0.2; done", "-num_containers", "2", "-container_memory", "256", "-master_memory", "300",
			"-keep_containers_across_application_attempts")
		done <- result{run, err}
	}()
	running := ""
	until(t, time.Minute, "a running application", func() error {
		var list struct {
			Apps struct {
				App []struct {
					ID                string
					RunningContainers int
				}
			}
		}
		if err := c.GetJSON("/ws/v1/cluster/apps?states=RUNNING", &list); err != nil {
			return err
		}
		if len(list.Apps.App) != 1 || list.Apps.App[0].RunningContainers != 3 {
			return fmt.Errorf("%+v", list)
		}
		running = list.Apps.App[0].ID
		return nil
	})
	for _, kind := range kinds {
		if err := c.ReplaceRM(ctx, kind); err != nil {
			t.Fatal(err)
		}
		after, err := get(ended)
		after.RunningContainers = 0 // Java answers -1 after the end
		if err != nil || after != before {
			t.Errorf("under the %s ResourceManager %s is %+v (%v), and was %+v", kind, ended, after, err, before)
		}
		until(t, time.Minute, fmt.Sprintf("%s with its containers under the %s ResourceManager", running, kind), func() error {
			a, err := get(running)
			if err == nil && (a.State != "RUNNING" || a.RunningContainers != 3) {
				err = fmt.Errorf("it is %+v", a)
			}
			return err
		})
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := <-done
	ranWell(t, r.run, r.err, "Application completed successfully")
	var attempts struct {
		AppAttempts struct{ AppAttempt []struct{ ID int } }
	}
	if err := c.GetJSON("/ws/v1/cluster/apps/"+running+"/appattempts", &attempts); err != nil || len(attempts.AppAttempts.AppAttempt) != 1 {
		t.Errorf("%+v, %v: the ApplicationMaster was to live through it", attempts, err)
	}
}
