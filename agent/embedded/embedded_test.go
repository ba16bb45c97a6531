package embedded

import (
	"bytes"
	"strings"
	"testing"
)

// Built by `make build` heddle holds a program; built otherwise it says what to do.
func TestTheAgentIsThereOrTheErrorSaysWhatToDo(t *testing.T) {
	b, err := Agent()
	if err != nil {
		if !strings.Contains(err.Error(), "make build") || len(b) > 0 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		return
	}
	if !bytes.HasPrefix(b, []byte("\x7fELF")) {
		t.Errorf("%d bytes that are no Linux program", len(b))
	}
}
