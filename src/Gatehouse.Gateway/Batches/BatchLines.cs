using System.Runtime.CompilerServices;

namespace Gatehouse.Gateway.Batches;

/// <summary>One line of a file.</summary>
/// <param name="Number">From 1; blank lines count and are not given out.</param>
/// <param name="IsTooLong">Its bytes are left out.</param>
internal readonly record struct BatchLine(int Number, ReadOnlyMemory<byte> Bytes, bool IsTooLong);

/// <summary>Cuts the pieces of a file into lines: LF or CRLF, a byte order mark at the beginning is passed over.</summary>
internal static class BatchLines
{
    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    public static async IAsyncEnumerable<BatchLine> ReadAsync(
        IAsyncEnumerable<byte[]> chunks, int maxLineBytes, [EnumeratorCancellation] CancellationToken ct)
    {
        var (number, rest, dropping) = (0, Array.Empty<byte>(), false);
        await foreach (var chunk in chunks.WithCancellation(ct))
        {
            var start = 0;
            while (chunk.AsSpan(start).IndexOf((byte)'\n') is var length and >= 0)
            {
                number++;
                var tooLong = dropping || rest.Length + length > maxLineBytes;
                var line = tooLong ? [] : Trim(rest, chunk.AsSpan(start, length), number);
                (rest, dropping) = ([], false);
                start += length + 1;
                if (tooLong || line.Length > 0)
                {
                    yield return new BatchLine(number, line, tooLong);
                }
            }

            dropping |= rest.Length + chunk.Length - start > maxLineBytes;
            rest = dropping ? [] : [.. rest, .. chunk.AsSpan(start)];
        }

        var last = Trim(rest, default, number + 1);
        if (dropping || last.Length > 0)
        {
            yield return new BatchLine(number + 1, last, dropping);
        }
    }

    private static byte[] Trim(ReadOnlySpan<byte> begun, ReadOnlySpan<byte> end, int number)
    {
        byte[] line = [.. begun, .. end];
        var bytes = line.AsSpan();
        if (number == 1 && bytes.StartsWith(Mark))
        {
            bytes = bytes[Mark.Length..];
        }

        bytes = bytes.Trim(" \t\r"u8);
        return bytes.Length == line.Length ? line : bytes.ToArray();
    }
}
