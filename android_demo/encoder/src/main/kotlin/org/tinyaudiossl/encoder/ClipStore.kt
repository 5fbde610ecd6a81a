package org.tinyaudiossl.encoder

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Clips that a user consented to keep for learning on the device: 16-bit WAV files in one folder.
 * At most [maxClips], none older than [maxAgeDays]: the oldest go first.
 */
class ClipStore(
    private val folder: File,
    private val maxClips: Int = 200,
    private val maxAgeDays: Int = 30,
    private val nowMs: () -> Long = System::currentTimeMillis,
) {
    val count: Int get() = clips().size
    val bytes: Long get() = clips().sumOf(File::length)

    /** Mono samples in -1..1. */
    fun keep(pcm: FloatArray, sampleRateHz: Int): File {
        folder.mkdirs()
        var time = nowMs()
        while (file(time).exists()) time++
        val part = File(folder, "$time.part")
        part.writeBytes(wav(pcm, sampleRateHz))
        val clip = file(time)
        check(part.renameTo(clip)) { "$clip cannot be written" }
        prune()
        return clip
    }

    /** Deletes what is too old or too much; call it at start too. */
    fun prune() {
        folder.listFiles { file -> file.extension == "part" }?.forEach(File::delete)
        val oldest = nowMs() - maxAgeDays * 86_400_000L
        val clips = clips()
        val tooOld = clips.filter { it.nameWithoutExtension.toLong() < oldest }
        (tooOld + clips.dropLast(maxClips)).forEach(File::delete)
    }

    fun deleteAll() = clips().forEach { it.delete() }

    /** Oldest first: named by the time in milliseconds. */
    private fun clips(): List<File> = folder
        .listFiles { file -> file.extension == "wav" && file.nameWithoutExtension.toLongOrNull() != null }
        .orEmpty()
        .sortedBy { it.nameWithoutExtension.toLong() }

    private fun file(time: Long) = File(folder, "$time.wav")
}

/** A canonical WAV file: one channel of 16-bit PCM. */
internal fun wav(pcm: FloatArray, sampleRateHz: Int): ByteArray {
    val size = 2 * pcm.size
    val buffer = ByteBuffer.allocate(44 + size).order(ByteOrder.LITTLE_ENDIAN)
    buffer.put("RIFF".toByteArray()).putInt(36 + size).put("WAVEfmt ".toByteArray())
    buffer.putInt(16).putShort(1).putShort(1).putInt(sampleRateHz).putInt(2 * sampleRateHz)
    buffer.putShort(2).putShort(16).put("data".toByteArray()).putInt(size)
    for (sample in pcm) {
        buffer.putShort(Math.round(sample * 32768f).coerceIn(-32768, 32767).toShort())
    }
    return buffer.array()
}
