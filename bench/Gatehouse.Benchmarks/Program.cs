using BenchmarkDotNet.Running;
using Gatehouse.Benchmarks;

// dotnet run -c Release --project bench/Gatehouse.Benchmarks -- --inProcess --filter '*'
BenchmarkSwitcher.FromAssembly(typeof(RequestBenchmarks).Assembly).Run(args);
