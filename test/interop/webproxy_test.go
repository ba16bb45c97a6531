//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"heddle/test/browser"
	"heddle/test/cluster"
)

// ask makes a request of the main cluster's ResourceManager; redirects are followed unless once.
func ask(t *testing.T, method, url, body string, once bool) (status int, location, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(limited(t, time.Minute), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{}
	if once {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}

// tabs clicks through those of an AM's pages that its first one leads to and whose paths begin with one of these, in a
// browser: all that they load and lead to goes through the proxy, and works.
func tabs(ctx context.Context, t *testing.T, web, base string, paths ...string) {
	t.Helper()
	b, err := browser.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	}()
	open := func(url string) {
		seen, err := b.Open(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		for _, trouble := range seen.Trouble {
			t.Errorf("%s: %s", url, trouble)
		}
		for _, asked := range seen.Requests {
			if !strings.HasPrefix(asked, web+base+"/") && asked != web+"/static/hadoop-st.png" && asked != web+"/favicon.ico" && !strings.HasPrefix(asked, "data:") {
				t.Errorf("%s asked for %s, past the proxy", url, asked)
			}
		}
	}
	open(web + base + "/?user.name=root")
	var links []string
	if err := b.Eval(ctx, `[...new Set([...document.querySelectorAll("a")].map(a => a.href))]`, &links); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		found := 0
		for _, l := range links {
			if strings.HasPrefix(l, web+base+path) && !strings.Contains(l, "#") { // not a place in the page itself
				open(l)
				found++
			}
		}
		if found == 0 {
			t.Errorf("the AM's page has no link to %s, but %q", path, links)
		}
	}
}

// The pages of a running MapReduce AM are reached through the proxy, which its AmIpFilter takes for the lawful way:
// asked directly it sends to /proxy/redirect, and that leads to the page. REST kills the job.
func TestTheProxyOfARunningMapReduceJob(t *testing.T) {
	ctx, stop := context.WithCancel(limited(t, 3*time.Minute))
	c := shared.main
	web := "http://" + c.Address("web")
	job := c.JavaCommand(ctx, "", cluster.Examples, "pi", "-Dmapreduce.job.tags=proxied", "2", "2000000000")
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		_ = job.Wait() // it was killed
	}()
	var app struct{ ID string }
	until(t, 2*time.Minute, "the job's AM", func() error {
		var apps struct {
			Apps struct {
				App []struct{ ID, Name, State string }
			}
		}
		if err := c.GetJSON("/ws/v1/cluster/apps?states=RUNNING&applicationTags=proxied", &apps); err != nil || len(apps.Apps.App) != 1 {
			return fmt.Errorf("%+v, %v", apps, err)
		}
		app.ID = apps.Apps.App[0].ID
		return nil
	})
	attempt := "appattempt_" + strings.TrimPrefix(app.ID, "application_") + "_000001"
	var said struct{ OriginalTrackingURL string }
	if err := c.GetJSON("/ws/v1/cluster/apps/"+app.ID+"/appattempts/"+attempt+"?user.name=root", &said); err != nil {
		t.Fatal(err)
	}
	info := "/ws/v1/mapreduce/info"
	status, _, body := ask(t, "GET", web+"/proxy/"+app.ID+info+"?user.name=root", "", true)
	if status != http.StatusOK || !strings.Contains(body, `"appId":"`+app.ID+`"`) {
		t.Errorf("through the proxy: %d %.500s", status, body)
	}
	page, _, text := ask(t, "GET", web+"/proxy/"+app.ID+"/mapreduce?user.name=root", "", false)
	if page != http.StatusOK || !strings.Contains(text, "Logged in as: root") {
		t.Errorf("the AM does not take us for root: %d %.300s", page, text)
	}
	tabs(ctx, t, web, "/proxy/"+app.ID, "/mapreduce")
	direct := strings.TrimSuffix(said.OriginalTrackingURL, "/") + info
	if !strings.Contains(direct, "://") {
		direct = "http://" + direct
	}
	if status, _, body = ask(t, "GET", direct, "", false); status != http.StatusOK || !strings.Contains(body, app.ID) {
		t.Errorf("directly, by way of /proxy/redirect: %d %.300s", status, body)
	}
	var jobs struct {
		Jobs struct{ Job []struct{ ID, State string } }
	}
	status, _, body = ask(t, "GET", web+"/proxy/"+app.ID+"/ws/v1/mapreduce/jobs?user.name=root", "", true)
	if status != http.StatusOK || json.Unmarshal([]byte(body), &jobs) != nil || len(jobs.Jobs.Job) != 1 {
		t.Errorf("the AM's jobs: %d %.300s", status, body)
	}
	state := web + "/ws/v1/cluster/apps/" + app.ID + "/state?user.name=root"
	if status, _, body = ask(t, "PUT", state, `{"state":"KILLED"}`, true); status != http.StatusAccepted && status != http.StatusOK {
		t.Errorf("killed: %d %s", status, body)
	}
	until(t, time.Minute, "the kill", func() error {
		if status, _, body := ask(t, "GET", state, "", true); status != http.StatusOK || !strings.Contains(body, "KILLED") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}
