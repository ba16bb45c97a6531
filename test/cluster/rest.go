//go:build interop

package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

var web = &http.Client{Timeout: 10 * time.Second}

// Get asks the ResourceManager's web server for path as the given media type.
func (c *Cluster) Get(path, accept string) (status int, body []byte, header http.Header, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+c.Address("web")+path, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Accept", accept)
	resp, err := web.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return resp.StatusCode, body, resp.Header, err
}

// GetJSON asks for path and decodes the answer, which must be 200, into v.
func (c *Cluster) GetJSON(path string, v any) error {
	status, body, _, err := c.Get(path, "application/json")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %.300s", path, status, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}
