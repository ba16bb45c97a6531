package plugin

import (
	"fmt"

	"golang.org/x/sys/unix"

	"heddle/executor"
	"heddle/yarn"
)

// file is what a program may tell of a device's file, in the words of Hadoop's Device: its numbers, its path, or both.
type file struct {
	Path  string  `json:"devPath"`
	Major *uint32 `json:"majorNumber"`
	Minor *uint32 `json:"minorNumber"`
}

// deviceFile is none where the program tells nothing. The numbers win over those of the path; without a path they are a
// character device's.
func (f file) deviceFile() (executor.DeviceFile, error) {
	var out executor.DeviceFile
	if f.Path != "" {
		var st unix.Stat_t
		if err := unix.Stat(f.Path, &st); err != nil {
			return out, fmt.Errorf("devPath %s: %w", f.Path, err)
		}
		kind := st.Mode & unix.S_IFMT
		if kind != unix.S_IFCHR && kind != unix.S_IFBLK {
			return out, fmt.Errorf("devPath %s is no device", f.Path)
		}
		out = executor.DeviceFile{Block: kind == unix.S_IFBLK, Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev))}
	}
	if (f.Major == nil) != (f.Minor == nil) {
		return out, fmt.Errorf("majorNumber and minorNumber go together")
	}
	if f.Major != nil {
		out.Major, out.Minor = *f.Major, *f.Minor
	}
	return out, nil
}

// Denied are the files of devices that a container was not given.
func (s *Set) Denied(c yarn.ContainerID) (out []executor.DeviceFile) {
	if s == nil {
		return nil
	}
	for _, p := range s.Plugins {
		out = append(out, p.set.Denied(c)...)
	}
	return out
}

// Unknown are the ids of devices whose programs do not tell their files.
func (s *Set) Unknown() (ids []string) {
	if s == nil {
		return nil
	}
	for _, p := range s.Plugins {
		ids = append(ids, p.set.Unknown()...)
	}
	return ids
}
