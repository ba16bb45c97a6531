// Package embedded is the agent's binary inside heddle, so that people copy one file.
//
// `make build` puts the agent into the folder bin before it builds heddle; a plain
// `go build` finds only the placeholder there, and such a heddle looks for the agent
// beside itself instead.
package embedded

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed bin
var files embed.FS

// Name is the file name of the agent.
const Name = "heddle-agent"

// Agent is the agent's binary for this machine's processor.
func Agent() ([]byte, error) {
	b, err := files.ReadFile("bin/" + Name)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	beside := filepath.Join(filepath.Dir(self), Name)
	if b, err = os.ReadFile(beside); err != nil {
		return nil, fmt.Errorf("this heddle was built without its agent, which tasks run under; build it with `make build`, or put the agent at %s", beside)
	}
	return b, nil
}
