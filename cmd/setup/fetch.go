package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// downloadNeeds is the free space, in bytes, that a download asks for: the
// wheel and what is unpacked from it are there together for a moment.
const downloadNeeds = 1200e6

// fetch downloads the wheel of torch and those with the other libraries that it
// needs, and leaves at dir a libtorch with lib/ and include/. dir appears only when
// everything is there and checked.
func fetch(ctx context.Context, dir, version string, r *report) (libtorch, error) {
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return libtorch{}, fmt.Errorf("clear an earlier download: %w", err)
	}
	if err := enoughSpace(filepath.Dir(dir), downloadNeeds); err != nil {
		return libtorch{}, err
	}
	defer os.RemoveAll(part)
	d := download{
		Wheels: filepath.Join(part, "wheels"),
		Lib:    filepath.Join(part, "libtorch", "lib"),
		report: r,
	}
	if err := d.libtorch(ctx, version); err != nil {
		return libtorch{}, fmt.Errorf("libtorch %s: %w", version, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return libtorch{}, err
	}
	if err := os.Rename(filepath.Dir(d.Lib), dir); err != nil {
		return libtorch{}, err
	}
	t, err := openLibtorch(dir)
	if err != nil {
		return libtorch{}, err
	}
	r.step("libtorch %s is complete: %s", t.Version, dir)
	return t, nil
}

// enoughSpace checks that the disk of dir has need bytes free.
func enoughSpace(dir string, need uint64) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < need {
		return fmt.Errorf("%s has %d MB free, the download needs %d MB; free some, or set XDG_CACHE_HOME to a folder on another disk",
			dir, free/1e6, need/1e6)
	}
	return nil
}

// download is one libtorch on its way from wheels to a folder.
type download struct {
	Wheels string // folder that the wheels come to
	Lib    string // folder that the libraries go to
	opened []*wheel
	*report
}

// libtorch downloads the wheel of torch, unpacks it, and goes on with the wheels
// of those libraries that libtorch_cpu.so needs and torch's own wheel lacks.
func (d *download) libtorch(ctx context.Context, version string) error {
	defer d.close()
	if err := os.MkdirAll(d.Lib, 0o755); err != nil {
		return err
	}
	torch, err := d.bring(ctx, version, "torch=="+version)
	if err != nil {
		return err
	}
	for _, library := range []string{"libtorch_cpu.so", "libc10.so"} {
		if err := torch.extractLibrary(library, d.Lib); err != nil {
			return err
		}
	}
	if err := torch.extractTree("torch/include/", filepath.Join(filepath.Dir(d.Lib), "include")); err != nil {
		return err
	}
	missing, err := d.complete()
	if err != nil {
		return err
	}
	d.step("unpacked what is needed; every file matches the wheel's RECORD")
	if len(missing) == 0 {
		return nil
	}
	return d.bringLibraries(ctx, version, torch, missing)
}

// bringLibraries downloads the wheels that hold the missing libraries.
func (d *download) bringLibraries(ctx context.Context, version string, torch *wheel, missing []string) error {
	metadata, err := torch.metadata()
	if err != nil {
		return err
	}
	asked, err := requirements(metadata, missing)
	if err != nil {
		return err
	}
	for _, requirement := range asked {
		if _, err := d.bring(ctx, version, requirement); err != nil {
			return err
		}
	}
	if missing, err = d.complete(); err == nil && len(missing) > 0 {
		err = fmt.Errorf("libtorch_cpu.so needs %s, which none of its wheels holds; name a whole libtorch in LIBTORCH", strings.Join(missing, ", "))
	}
	return err
}

// bring downloads one wheel, checks its digest and opens it.
func (d *download) bring(ctx context.Context, version, requirement string) (*wheel, error) {
	if version == defaultVersion {
		requirement = exact(requirement)
	}
	path, err := pip{Dest: d.Wheels, report: d.report}.download(ctx, requirement)
	if err != nil {
		return nil, err
	}
	known, err := checkDigest(path, wheelDigests)
	if err != nil {
		return nil, err
	}
	w, err := openWheel(path)
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, w)
	how := "its digest is the one setup knows"
	if !known {
		how = "setup has no digest for it; pip and the wheel's own RECORD are trusted"
	}
	d.step("downloaded %s; %s", filepath.Base(path), how)
	return w, nil
}

// complete unpacks, out of the wheels that are here, what the libraries in Lib
// need, until nothing more is found, and gives what is still missing.
func (d *download) complete() (missing []string, err error) {
	for {
		_, missing, err := resolve(filepath.Join(d.Lib, "libtorch_cpu.so"), filepath.Join(d.Lib, "libc10.so"))
		if err != nil {
			return nil, err
		}
		found := false
		for _, library := range missing {
			for _, w := range d.opened {
				if w.library(library) != "" {
					found = true
					if err := w.extractLibrary(library, d.Lib); err != nil {
						return nil, err
					}
					break
				}
			}
		}
		if !found {
			return missing, nil
		}
	}
}

// close closes the wheels.
func (d *download) close() {
	for _, w := range d.opened {
		w.close()
	}
}

// homes names the wheels of libraries that a libtorch built with CUDA is linked
// against even where there is no GPU; the part before ".so" is the key.
var homes = map[string]string{"libcupti": "nvidia-cuda-cupti", "libcudart": "nvidia-cuda-runtime"}

// requirements gives what to ask pip for to get the missing libraries, pinned
// as torch's own metadata pins them: by name, or as part of one CUDA toolkit.
func requirements(metadata string, missing []string) ([]string, error) {
	var asked []string
	for _, library := range missing {
		stem, _, _ := strings.Cut(library, ".so")
		home, ok := homes[stem]
		if !ok {
			return nil, fmt.Errorf("libtorch_cpu.so needs %s, and setup knows no wheel that holds it; name a whole libtorch in LIBTORCH", library)
		}
		direct := regexp.MustCompile(`(?m)^Requires-Dist: (` + home + `(?:-cu\d+)?) ?\(?(==[0-9.*]+)`).FindStringSubmatch(metadata)
		toolkit := regexp.MustCompile(`(?m)^Requires-Dist: cuda-toolkit\[[^\]]*\] ?\(?==(\d+\.\d+)`).FindStringSubmatch(metadata)
		switch {
		case direct != nil:
			asked = append(asked, direct[1]+direct[2])
		case toolkit != nil:
			asked = append(asked, home+"=="+toolkit[1]+".*")
		default:
			return nil, fmt.Errorf("libtorch_cpu.so needs %s, and the wheel of torch pins no %s; name a whole libtorch in LIBTORCH", library, home)
		}
	}
	return asked, nil
}
