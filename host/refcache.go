package host

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
)

// precompute computes what the reference model says of every label before the
// first step, or takes it from the disk where an earlier run left it, and lets
// the model go.
func (m *models) precompute(s config.Settings, sets dataset, out *console.Console) error {
	folder, err := m.refCache(s)
	if err != nil {
		return err
	}
	for _, set := range sets.all() {
		logps, err := m.refLogps(folder, set, s, out)
		if err != nil {
			return err
		}
		objective.SetRefLogps(set.Examples, logps)
	}
	if m.reference != nil {
		m.reference.Free()
		m.reference = nil
	}
	return nil
}

// refCache is the folder that keeps log-probabilities of this reference model.
func (m *models) refCache(s config.Settings) (string, error) {
	path := cmp.Or(s.RefModel, s.Model)
	weights, err := model.WeightsDigest(path)
	if err != nil {
		return "", err
	}
	configDigest, _, err := checkpoint.Digest(filepath.Join(path, model.ConfigName))
	if err != nil {
		return "", err
	}
	types := dtypesOf(s)
	name := fmt.Sprintf("%s-%.16s-%d-%s-%s", weights, configDigest, m.policy.Config.VocabSize, types.Param, types.Compute)
	folder := filepath.Join(plugin.DefaultCache(), "ref_logps", name)
	return folder, os.MkdirAll(folder, 0o755)
}

const refName = "ref_logps"

// refLogps returns the log-probabilities of the labels of a set, computed or kept.
func (m *models) refLogps(folder string, set data.Set, s config.Settings, out *console.Console) ([]float32, error) {
	file := filepath.Join(folder, digestOf(set.Examples)+".safetensors")
	if kept, err := readRefLogps(file, set.Survey.Labels); err == nil {
		out.Notef("log-probabilities of the reference model are those of %s", file)
		return kept, nil
	}
	ref := m.reference
	if ref == nil {
		ref = m.policy.Model // without its adapter
	}
	logps, err := objective.RefLogps(ref, m.device, set.Examples, s.EvalBatchSize, s.SharePrefix)
	if err != nil {
		return nil, err
	}
	return logps, safetensors.Write(file, []safetensors.Source{safetensors.Float32Source(refName, logps, int64(len(logps)))}, nil)
}

// readRefLogps reads a file of one number a label.
func readRefLogps(path string, labels int) ([]float32, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := file.Want(refName, "the data", int64(labels))
	if err != nil {
		return nil, err
	}
	values, err := found.Float64s()
	logps := make([]float32, len(values))
	for i, v := range values {
		logps[i] = float32(v)
	}
	return logps, err
}

// digestOf is the sha256 over ids and labels of examples.
func digestOf(examples []data.Example) string {
	sum := sha256.New()
	number := func(n int64) { binary.Write(sum, binary.LittleEndian, n) }
	for _, g := range examples {
		number(int64(len(g.Sequences)))
		for _, row := range g.Sequences {
			number(int64(len(row.IDs)))
			binary.Write(sum, binary.LittleEndian, row.IDs)
			binary.Write(sum, binary.LittleEndian, row.Labels)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
