package android.content;

import android.content.res.AssetManager;
import android.content.res.Resources;
import java.io.File;

public abstract class Context {
    public static final int MODE_PRIVATE = 0;
    public Context() {}
    public abstract AssetManager getAssets();
    public abstract Resources getResources();
    public abstract ContentResolver getContentResolver();
    public abstract String getPackageName();
    public abstract File getFilesDir();
    public abstract File getNoBackupFilesDir();
    public abstract File getExternalFilesDir(String type);
    public abstract SharedPreferences getSharedPreferences(String name, int mode);
    public abstract void startActivity(Intent intent);
    public final <T> T getSystemService(Class<T> type) { throw new RuntimeException("Stub!"); }
    public abstract int checkSelfPermission(String permission);
    public final String getString(int id) { throw new RuntimeException("Stub!"); }
    public final String getString(int id, Object... arguments) { throw new RuntimeException("Stub!"); }
}
