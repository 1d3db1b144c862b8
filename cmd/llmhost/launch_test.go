package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSeveralCopiesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string // the variable that the error names, "" for no error
	}{
		{"nothing", nil, ""},
		{"one process of torchrun", map[string]string{"WORLD_SIZE": "1", "RANK": "0", "LOCAL_WORLD_SIZE": "1"}, ""},
		{"torchrun", map[string]string{"WORLD_SIZE": "4", "RANK": "3"}, "WORLD_SIZE is 4: torchrun, accelerate or deepspeed"},
		{"a number with a blank", map[string]string{"WORLD_SIZE": " 2 "}, "WORLD_SIZE is  2 "},
		{"not a number", map[string]string{"WORLD_SIZE": "auto"}, ""},
		{"empty", map[string]string{"WORLD_SIZE": ""}, ""},
		{"pods", map[string]string{"PET_NNODES": "2"}, "PET_NNODES is 2"},
		{"elastic pods", map[string]string{"PET_NNODES": "1:3"}, "PET_NNODES is 1:3"},
		{"Open MPI", map[string]string{"OMPI_COMM_WORLD_SIZE": "2"}, "OMPI_COMM_WORLD_SIZE is 2"},
		{"MPICH", map[string]string{"PMI_SIZE": "8"}, "PMI_SIZE is 8"},
		{"srun", map[string]string{"SLURM_NTASKS": "2", "SLURM_PROCID": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}, "SLURM_STEP_NUM_TASKS is 2: srun"},
		{"an old srun", map[string]string{"SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"}, "SLURM_NTASKS is 2: srun"},
		{"srun of one task", map[string]string{"SLURM_NTASKS": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_JOB_NUM_NODES": "2"}, ""},
		{"a batch script", map[string]string{"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}, ""},
		{"a shell of salloc", map[string]string{"SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := wantOneProcess(func(name string) string { return c.env[name] })
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "start it once, without the launcher")
		})
	}
}
