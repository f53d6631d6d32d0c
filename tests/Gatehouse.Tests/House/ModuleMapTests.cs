using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Gatehouse.Tests.House;

/// <summary>
/// The module map, read from the built assemblies: a module is a namespace <c>Gatehouse.&lt;Module&gt;</c>, an edge is a type that uses
/// another module's type. <c>docs/architecture.md</c> shows the same table.
/// </summary>
public sealed class ModuleMapTests
{
    /// <summary>Adding a line is a decision: say why in the commit.</summary>
    private static readonly Dictionary<string, string[]> Map = new()
    {
        ["Contracts"] = [],
        ["Storage"] = [],
        ["Guardrails"] = ["Contracts"],
        ["Gateway"] = ["Contracts", "Guardrails"],
        ["Api"] = ["Contracts", "Storage"],
        ["Batches"] = ["Contracts", "Gateway", "Storage"],
        ["Configuration"] = ["Api", "Contracts", "Gateway", "Guardrails"],
        ["Governance"] = ["Api", "Contracts", "Gateway", "Guardrails", "Storage"],
        ["Observability"] = ["Api", "Contracts", "Gateway", "Storage"],
        ["Guards"] = ["Api", "Configuration", "Contracts", "Gateway", "Governance", "Guardrails", "Observability"],
        ["Console"] = ["Api", "Batches", "Configuration", "Contracts", "Governance", "Guardrails", "Guards", "Observability"],
        ["Host"] = ["Api", "Batches", "Configuration", "Console", "Contracts", "Gateway", "Governance", "Guardrails", "Guards",
            "Observability", "Storage"],
    };

    [Fact]
    public void Modules_use_only_what_the_map_allows_and_the_map_allows_only_what_is_used()
    {
        var real = ReadEdges();

        var (expected, actual) =
            (Show(Map.Select(m => (m.Key, (IEnumerable<string>)m.Value))), Show(real.Select(m => (m.Key, (IEnumerable<string>)m.Value))));
        Assert.True(expected == actual, $"The map says\n{expected}\n\nand the assemblies say\n{actual}");
    }

    [Fact]
    public void The_architecture_document_shows_the_map()
    {
        var document = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "architecture.md"));

        var missing = Map.Where(m => !document.Any(line =>
                line.StartsWith($"| `{m.Key}` |", StringComparison.Ordinal)
                && line.EndsWith($"| {(m.Value.Length == 0 ? "–" : string.Join(", ", m.Value))} |", StringComparison.Ordinal)))
            .Select(m => $"{m.Key}: {string.Join(", ", m.Value)}");

        Assert.Empty(missing);
    }

    private static string Show(IEnumerable<(string From, IEnumerable<string> To)> edges) => string.Join('\n', edges
        .Select(e => $"{e.From} -> {string.Join(", ", e.To.Order(StringComparer.Ordinal))}")
        .Order(StringComparer.Ordinal));

    private static SortedDictionary<string, SortedSet<string>> ReadEdges()
    {
        var edges = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var path in Directory.GetFiles(AppContext.BaseDirectory, "*atehouse*.dll")
            .Where(f => !f.EndsWith(".Tests.dll", StringComparison.Ordinal)))
        {
            using var file = File.OpenRead(path);
            using var pe = new PEReader(file);
            var reader = new AssemblyReader(pe, Path.GetFileName(path) == "gatehouse.dll");
            foreach (var (from, to) in reader.Edges())
            {
                if (!edges.TryGetValue(from, out var targets))
                {
                    edges[from] = targets = new SortedSet<string>(StringComparer.Ordinal);
                }

                if (to is not null && to != from)
                {
                    targets.Add(to);
                }
            }
        }

        return edges;
    }

    /// <summary>Every type that a type's metadata and method bodies mention.</summary>
    private sealed class AssemblyReader(PEReader pe, bool isHost)
    {
        private readonly MetadataReader _md = pe.GetMetadataReader();

        public IEnumerable<(string From, string? To)> Edges()
        {
            foreach (var handle in _md.TypeDefinitions)
            {
                if (ModuleOf(handle) is not { } from)
                {
                    continue;
                }

                yield return (from, null);
                foreach (var to in Mentions(_md.GetTypeDefinition(handle)))
                {
                    yield return (from, to);
                }
            }
        }

        private HashSet<string> Mentions(TypeDefinition type)
        {
            var found = new HashSet<string>();
            var collector = new ModuleCollector(this, found);
            Add(type.BaseType, collector);
            foreach (var implementation in type.GetInterfaceImplementations())
            {
                Add(_md.GetInterfaceImplementation(implementation).Interface, collector);
            }

            foreach (var field in type.GetFields())
            {
                _md.GetFieldDefinition(field).DecodeSignature(collector, null);
            }

            foreach (var handle in type.GetMethods())
            {
                var method = _md.GetMethodDefinition(handle);
                method.DecodeSignature(collector, null);
                if (method.RelativeVirtualAddress != 0)
                {
                    AddBody(pe.GetMethodBody(method.RelativeVirtualAddress), collector);
                }
            }

            return found;
        }

        private void AddBody(MethodBodyBlock body, ModuleCollector collector)
        {
            if (!body.LocalSignature.IsNil)
            {
                _md.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(collector, null);
            }

            foreach (var region in body.ExceptionRegions)
            {
                Add(region.CatchType, collector);
            }

            var il = body.GetILReader();
            while (il.RemainingBytes > 0)
            {
                var opcode = (ILOpCode)il.ReadByte();
                if ((int)opcode == 0xFE)
                {
                    opcode = (ILOpCode)(0xFE00 | il.ReadByte());
                }

                switch (IlOperands.SizeOf(opcode))
                {
                    case IlOperands.Token:
                        Add(System.Reflection.Metadata.Ecma335.MetadataTokens.EntityHandle(il.ReadInt32()), collector);
                        break;
                    case IlOperands.Switch:
                        var cases = il.ReadInt32();
                        il.Offset += cases * sizeof(int);
                        break;
                    case var size:
                        il.Offset += size;
                        break;
                }
            }
        }

        private void Add(EntityHandle handle, ModuleCollector collector)
        {
            if (handle.IsNil)
            {
                return;
            }

            switch (handle.Kind)
            {
                case HandleKind.TypeDefinition:
                    collector.Add(ModuleOf((TypeDefinitionHandle)handle));
                    break;
                case HandleKind.TypeReference:
                    collector.Add(ModuleOf((TypeReferenceHandle)handle));
                    break;
                case HandleKind.TypeSpecification:
                    _md.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(collector, null);
                    break;
                case HandleKind.MemberReference:
                    var member = _md.GetMemberReference((MemberReferenceHandle)handle);
                    Add(member.Parent, collector);
                    break;
                case HandleKind.MethodSpecification:
                    var specification = _md.GetMethodSpecification((MethodSpecificationHandle)handle);
                    specification.DecodeSignature(collector, null);
                    Add(specification.Method, collector);
                    break;
                case HandleKind.MethodDefinition:
                    collector.Add(ModuleOf(_md.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType()));
                    break;
                case HandleKind.FieldDefinition:
                    collector.Add(ModuleOf(_md.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType()));
                    break;
            }
        }

        public string? ModuleOf(TypeDefinitionHandle handle)
        {
            var type = _md.GetTypeDefinition(handle);
            while (!type.GetDeclaringType().IsNil)
            {
                type = _md.GetTypeDefinition(type.GetDeclaringType());
            }

            return Module(_md.GetString(type.Namespace), isHost);
        }

        public string? ModuleOf(TypeReferenceHandle handle)
        {
            var type = _md.GetTypeReference(handle);
            while (type.ResolutionScope.Kind == HandleKind.TypeReference)
            {
                type = _md.GetTypeReference((TypeReferenceHandle)type.ResolutionScope);
            }

            return Module(_md.GetString(type.Namespace), inHost: false);
        }

        /// <summary>The executable's own namespaces are one module, the host.</summary>
        private static string? Module(string name, bool inHost)
        {
            var parts = name.Split('.');
            return parts[0] != "Gatehouse" ? null : inHost ? "Host" : parts.Length > 1 ? parts[1] : null;
        }
    }

    /// <summary>Collects the modules of the types in a signature.</summary>
    private sealed class ModuleCollector(AssemblyReader assembly, HashSet<string> found) : ISignatureTypeProvider<bool, object?>
    {
        public void Add(string? module)
        {
            if (module is not null)
            {
                found.Add(module);
            }
        }

        public bool GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            Add(assembly.ModuleOf(handle));
            return true;
        }

        public bool GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
        {
            Add(assembly.ModuleOf(handle));
            return true;
        }

        public bool GetTypeFromSpecification(MetadataReader reader, object? context, TypeSpecificationHandle handle, byte rawTypeKind) =>
            reader.GetTypeSpecification(handle).DecodeSignature(this, context);

        public bool GetArrayType(bool elementType, ArrayShape shape) => true;

        public bool GetByReferenceType(bool elementType) => true;

        public bool GetFunctionPointerType(MethodSignature<bool> signature) => true;

        public bool GetGenericInstantiation(bool genericType, System.Collections.Immutable.ImmutableArray<bool> typeArguments) => true;

        public bool GetGenericMethodParameter(object? context, int index) => true;

        public bool GetGenericTypeParameter(object? context, int index) => true;

        public bool GetModifiedType(bool modifier, bool unmodifiedType, bool isRequired) => true;

        public bool GetPinnedType(bool elementType) => true;

        public bool GetPointerType(bool elementType) => true;

        public bool GetPrimitiveType(PrimitiveTypeCode typeCode) => true;

        public bool GetSZArrayType(bool elementType) => true;
    }
}
