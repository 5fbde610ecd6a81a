package org.tinyaudiossl.demo

import android.Manifest.permission.RECORD_AUDIO
import android.annotation.SuppressLint
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Bundle
import android.provider.Settings
import android.view.MotionEvent
import android.view.View
import android.widget.Button
import android.widget.SeekBar
import android.widget.Switch
import android.widget.TextView
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import org.tinyaudiossl.demo.drawing.Live
import org.tinyaudiossl.encoder.ClipStore
import org.tinyaudiossl.encoder.EngineException

/** The one screen. The microphone is open only while it is seen. */
class MainActivity : Activity() {
    private var ear: Ear? = null // null: there is no encoder that can be used
    private var wantsToListen = false
    private val clips by lazy { ClipStore(File(noBackupFilesDir, "clips"), MAX_CLIPS, MAX_CLIP_DAYS) }
    private val preferences by lazy { getSharedPreferences("settings", MODE_PRIVATE) }

    private val live: LiveView by lazy { findViewById(R.id.live) }
    private val status: TextView by lazy { findViewById(R.id.status) }
    private val listen: Button by lazy { findViewById(R.id.listen) }
    private val keep: Switch by lazy { findViewById(R.id.keep) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        clips.prune()
        wantsToListen = savedInstanceState?.getBoolean(LISTENS) ?: false
        @Suppress("DEPRECATION")
        ear = lastNonConfigurationInstance as Ear? ?: openEar()
        connect()
    }

    override fun onStart() {
        super.onStart()
        ear?.onHeard = { runOnUiThread(::show) }
        ear?.onFailure = { runOnUiThread { failed(it) } }
        if (wantsToListen && isPermitted()) setListening(true) else show()
    }

    /** In the background there is nothing to show, and the microphone belongs to others. */
    override fun onStop() {
        ear?.stop()
        ear?.onHeard = {}
        super.onStop()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(LISTENS, wantsToListen)
    }

    @Deprecated("The framework has nothing else that keeps an object over a rotation")
    override fun onRetainNonConfigurationInstance(): Any? = ear

    override fun onDestroy() {
        if (!isChangingConfigurations) ear?.close()
        super.onDestroy()
    }

    private fun openEar(): Ear? = try {
        Ear(Artifacts(this).open(), File(noBackupFilesDir, "sounds.json"), clips)
    } catch (_: FileNotFoundException) {
        status.setText(R.string.no_artifact)
        null
    } catch (error: IOException) {
        refused(error)
    } catch (error: EngineException) {
        refused(error)
    }

    private fun refused(error: Exception): Ear? {
        status.text = getString(R.string.artifact_refused, error.message)
        return null
    }

    // Buttons ------------------------------------------------------------------------------------

    private fun connect() {
        val opened = ear
        for (id in listOf(R.id.listen, R.id.teach, R.id.threshold, R.id.sounds, R.id.keep, R.id.benchmark)) {
            findViewById<View>(id).isEnabled = opened != null
        }
        findViewById<View>(R.id.delete_clips).setOnClickListener { clips.deleteAll(); showClips() }
        findViewById<View>(R.id.clips).setOnLongClickListener { open(TrainingActivity::class.java); true }
        findViewById<View>(R.id.benchmark).setOnClickListener { open(BenchmarkActivity::class.java) }
        showClips()
        if (opened == null) return
        listen.setOnClickListener { if (wantsToListen) setListening(false) else askAndListen() }
        connectTeaching(opened)
        connectThreshold(opened)
        connectKeeping(opened)
        findViewById<View>(R.id.sounds).setOnClickListener { SoundsDialog(this, opened, ::show).show() }
    }

    @SuppressLint("ClickableViewAccessibility") // a click teaches as well: see performClick below
    private fun connectTeaching(ear: Ear) {
        val teach = findViewById<Button>(R.id.teach)
        teach.setOnTouchListener { view, event ->
            when (event.actionMasked) {
                MotionEvent.ACTION_DOWN -> ear.beginTeaching()
                MotionEvent.ACTION_UP -> taught(ear)
                MotionEvent.ACTION_CANCEL -> ear.endTeaching()
            }
            view.isPressed = event.actionMasked == MotionEvent.ACTION_DOWN || event.actionMasked == MotionEvent.ACTION_MOVE
            true
        }
        teach.setOnClickListener { // from a screen reader or a keyboard, which can't hold
            ear.beginTeaching()
            teach.postDelayed({ taught(ear) }, TEACH_MS)
        }
    }

    private fun taught(ear: Ear) {
        val example = ear.endTeaching()
        if (isFinishing) return
        if (example == null) {
            status.setText(R.string.nothing_heard)
        } else {
            SoundsDialog(this, ear, ::show).name(example)
        }
    }

    private fun connectThreshold(ear: Ear) {
        val bar = findViewById<SeekBar>(R.id.threshold)
        bar.progress = (ear.sounds.threshold * 100).toInt()
        bar.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(seekBar: SeekBar, progress: Int, fromUser: Boolean) {
                if (fromUser) ear.sounds = ear.sounds.withThreshold(progress / 100f)
                show()
            }

            override fun onStartTrackingTouch(seekBar: SeekBar) = Unit
            override fun onStopTrackingTouch(seekBar: SeekBar) = Unit
        })
    }

    private fun connectKeeping(ear: Ear) {
        ear.keepsClips = preferences.getBoolean(KEEPS, false)
        keep.isChecked = ear.keepsClips
        keep.setOnClickListener { if (keep.isChecked) askToKeep(ear) else keepClips(ear, false) }
    }

    private fun askToKeep(ear: Ear) {
        AlertDialog.Builder(this)
            .setMessage(getString(R.string.keep_clips_why, MAX_CLIPS, MAX_CLIP_DAYS))
            .setPositiveButton(R.string.allow) { _, _ -> keepClips(ear, true) }
            .setNegativeButton(R.string.cancel) { _, _ -> keepClips(ear, false) }
            .setOnCancelListener { keepClips(ear, false) }
            .show()
    }

    private fun keepClips(ear: Ear, keeps: Boolean) {
        ear.keepsClips = keeps
        keep.isChecked = keeps
        preferences.edit().putBoolean(KEEPS, keeps).apply()
    }

    private fun open(activity: Class<out Activity>) = startActivity(Intent(this, activity))

    // Permission ---------------------------------------------------------------------------------

    private fun isPermitted() = checkSelfPermission(RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED

    private fun askAndListen() {
        when {
            isPermitted() -> setListening(true)
            shouldShowRequestPermissionRationale(RECORD_AUDIO) -> AlertDialog.Builder(this)
                .setMessage(R.string.why_microphone)
                .setPositiveButton(R.string.go_on) { _, _ -> requestPermissions(arrayOf(RECORD_AUDIO), 0) }
                .setNegativeButton(R.string.cancel, null)
                .show()
            else -> requestPermissions(arrayOf(RECORD_AUDIO), 0)
        }
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, grantResults: IntArray) {
        if (grantResults.isEmpty()) return // interrupted: ask again at the next tap
        if (isPermitted()) return setListening(true)
        status.setText(R.string.microphone_refused)
        AlertDialog.Builder(this)
            .setMessage(R.string.microphone_refused)
            .setPositiveButton(R.string.settings) { _, _ ->
                val own = Uri.fromParts("package", packageName, null)
                startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, own))
            }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun setListening(on: Boolean) {
        val ear = ear ?: return
        wantsToListen = on
        if (on) ear.start() else ear.stop()
        listen.setText(if (on) R.string.stop else R.string.listen)
        status.text = if (on) getString(R.string.listening, ear.encoder.artifact.file) else ""
        show()
    }

    private fun failed(why: String) {
        setListening(false)
        status.text = getString(R.string.microphone_fails, why)
    }

    // What is seen -------------------------------------------------------------------------------

    private fun show() {
        val ear = ear ?: return
        live.live = scene(ear)
        live.contentDescription = "${getString(R.string.live_description)}: ${title(ear)}"
        findViewById<Button>(R.id.sounds).text = getString(R.string.sounds, ear.sounds.counts.size)
        findViewById<TextView>(R.id.threshold_label).text = getString(R.string.threshold, ear.sounds.threshold)
        if (keep.isChecked) showClips()
    }

    private fun scene(ear: Ear): Live {
        val match = ear.match
        val threshold = ear.sounds.threshold
        return Live(
            title = title(ear),
            detail = match?.let { getString(R.string.distance, it.distance, threshold) }.orEmpty(),
            closeness = match?.let { 1 - it.distance },
            limit = 1 - threshold,
            known = match?.known == true,
            levels = ear.history.levels(),
            columns = ear.history.columns(),
            levelLabel = getString(R.string.level),
            embeddingLabel = getString(R.string.embedding),
        )
    }

    private fun title(ear: Ear): String {
        val match = ear.match
        return when {
            !ear.listening -> getString(R.string.silent)
            match == null -> getString(R.string.nothing_taught)
            match.known -> match.name
            else -> getString(R.string.unknown)
        }
    }

    private fun showClips() {
        findViewById<TextView>(R.id.clips).text = getString(R.string.clips, clips.count, clips.bytes / 1000)
    }

    // The sounds dialog writes an export through the system's file picker.
    @Deprecated("The framework has nothing else without AndroidX")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val target = data?.data ?: return
        val sounds = ear?.sounds ?: return
        try {
            contentResolver.openOutputStream(target)!!.use { it.write(sounds.toJson().toByteArray()) }
            status.setText(R.string.exported)
        } catch (error: IOException) {
            status.text = getString(R.string.not_exported, error.message)
        }
    }

    private companion object {
        const val LISTENS = "listens"
        const val KEEPS = "keeps_clips"
        const val MAX_CLIPS = 200
        const val MAX_CLIP_DAYS = 30
        const val TEACH_MS = 2_000L
    }
}
